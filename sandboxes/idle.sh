# Keeps a container alive as its first process, which nothing inside can kill, and buries orphans.
while :; do
	sleep 86400 &
	wait
done
