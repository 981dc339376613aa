# Runs a command with its input from the file named first and both streams as one, ends whatever it
# left running, and reports the control group's counters on the second stream.
exec 3>&2 2>/dev/null
given=$1
shift
if [ "$given" = /dev/null ]; then
	"$@" </dev/null 2>&1 3>&-
else
	# What the command reads may be a secret: a file could be opened once more by way of /proc even when it
	# is deleted, so it is in none by the time that the input ends, nor in the memory of what carried it.
	{ rm -f -- "$given" && exec cat; } <"$given" 3>&- | "$@" 2>&1 3>&-
fi
status=$?
kill -9 -1
for file in memory/memory.oom_control pids/pids.events memory.events pids.events; do
	[ -r "/sys/fs/cgroup/$file" ] && while read -r name count; do
		echo "${file##*/} $name $count" >&3
	done <"/sys/fs/cgroup/$file"
done
echo "ended 0" >&3
exit $status
