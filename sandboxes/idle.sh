# Keeps a container alive as its first process, which nothing inside can kill, and buries orphans.
# A shell heeds these even then.
trap '' HUP INT QUIT TERM
while :; do
	sleep 86400 &
	wait
done
