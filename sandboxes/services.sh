# Runs a command beside servers: starts them, waits until each can be used, runs the command, stops them.
#
# Arguments: NOTES SECONDS PATIENCE FOLDER FIRST, then NAME PORT READY LINE for each server, then -- COMMAND … .
# NOTES is a file that is told how it went; what each server says is kept beside it. SECONDS are the
# command's, PATIENCE how many the servers may take together to come up. FOLDER is where they run. FIRST says
# what comes first, `servers` or `command`.
notes=$1 seconds=$2 patience=$3 folder=$4 first=$5
logs=${notes%/*} servers='' main=$$
shift 5
# What ends a group of processes is meant for the command, which doesn't inherit this.
trap : HUP INT TERM USR1 USR2
mkdir -p "$logs" && rm -f "$logs"/notes-* && : >"$notes" || exit 125

clock() { read -r now _ </proc/uptime; }

note() {
	clock
	echo "$now $*" >>"$notes"
}

fail() {
	note "failed $name $*"
	stop
	[ "$first" = servers ] || kill -KILL "$main"
	exit 125
}

alive() {
	read -r line <"/proc/$1/stat" || return
	case ${line##*) } in [ZX]*) return 1 ;; esac
} 2>/dev/null

stop() {
	[ -n "$servers" ] || return 0
	# shellcheck disable=SC2086
	kill -TERM $servers 2>/dev/null
	clock
	until=$((${now%.*} + 5))
	for server in $servers; do
		while alive "$server" && [ "${now%.*}" -lt "$until" ]; do
			sleep 0.01
			clock
		done
	done
}

listening() {
	for table in /proc/net/tcp /proc/net/tcp6; do
		while read -r _ place _ state _; do
			[ "${place##*:}" = "$wanted" ] && [ "$state" = 0A ] && return
		done <"$table"
	done 2>/dev/null
	return 1
}

usable() {
	[ -n "$ready" ] || { listening && return; }
	[ -n "$ready" ] && (cd "$folder" && exec sh -c "$ready") </dev/null >>"$log" 2>&1
}

start() {
	listening && fail "finds its port $port taken"
	(cd "$folder" && exec sh -c "$line") </dev/null >"$log" 2>&1 &
	server=$! ended=
	servers="$servers $server"
	until usable; do
		if [ -z "$ended" ] && ! alive "$server"; then
			wait "$server"
			ended=$?
			# With 0, it may have gone to the background.
			[ "$ended" = 0 ] || fail "ended with exit code $ended"
		fi
		sleep 0.01
	done
}

# Ends all of this after some seconds, and says so.
watch() {
	(
		sleep "$1"
		note "$2"
		stop
		kill -KILL $$
	) </dev/null >/dev/null 2>&1 3<&- &
	watcher=$!
}

start_all() {
	while [ "$1" != -- ]; do
		name=$1 port=$2 ready=$3 line=$4 log=$logs/$1.log
		wanted=$(printf %04X "$port")
		note "starting $name"
		start
		shift 4
	done
	kill "$watcher"
	note up
	watch "$seconds" late
}

# A server could see a secret in the pipe, or open the memory of the process that is about to read it. So
# they start when that has been read: what follows it is more than a pipe holds. Its end says that they are up.
start_late() {
	rm -f "$notes-input"
	cat <&3 && printf '%1114112s' '' || exit
	exec 3<&-
	start_all "$@"
	echo "$watcher $servers" >"$notes-started"
}

watch "$patience" expired
if [ "$first" = command ]; then
	mkfifo -m 600 "$notes-input" || exit 125
	exec 3<&0
	start_late "$@" >"$notes-input" &
	exec 0<"$notes-input" 3<&-
else
	start_all "$@"
fi
while [ "$1" != -- ]; do
	shift 4
done
shift
# Otherwise a command could be taken for one of the functions here.
sh -c 'exec "$@"' sh "$@"
code=$?
if [ "$first" = command ]; then
	read -r watcher servers 2>/dev/null <"$notes-started" || kill -KILL $!
fi
kill "$watcher" 2>/dev/null
note ended
stop
exit "$code"
