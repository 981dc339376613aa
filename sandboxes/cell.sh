# Runs a command with its input from the file named first and both streams as one, ends whatever it
# left running, and reports the control group's counters on the second stream.
exec 3>&2 2>/dev/null
input=$1
shift
"$@" <"$input" 2>&1 3>&-
status=$?
kill -9 -1
for file in memory/memory.oom_control pids/pids.events memory.events pids.events; do
	[ -r "/sys/fs/cgroup/$file" ] && while read -r name count; do
		echo "${file##*/} $name $count" >&3
	done <"/sys/fs/cgroup/$file"
done
exit $status
