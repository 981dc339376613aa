# Runs a command with its input from the file named first and both streams as one, ends whatever it
# left running, and reports the control group's counters on the second stream.
exec 3>&2 2>/dev/null
# What the command reads may be a secret that others inside must not find in a file.
exec 4<"$1"
[ "$1" = /dev/null ] || rm -f -- "$1"
shift
"$@" <&4 2>&1 3>&- 4<&-
status=$?
kill -9 -1
for file in memory/memory.oom_control pids/pids.events memory.events pids.events; do
	[ -r "/sys/fs/cgroup/$file" ] && while read -r name count; do
		echo "${file##*/} $name $count" >&3
	done <"/sys/fs/cgroup/$file"
done
echo "ended 0" >&3
exit $status
