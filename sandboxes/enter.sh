# Joins the control groups whose entrances are named up to `--`, writes what the command reports on
# descriptor 3 to the file named first, and becomes the command.
exec 3>"$1" || exit 125
shift
while [ "$1" != -- ]; do
	echo $$ >"$1" || exit 125
	shift
done
shift
exec "$@"
