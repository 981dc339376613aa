# Gives the user what cells may change, once set-up has run; of what isn't there, nothing.
user=$1
shift
for folder; do
	[ ! -e "$folder" ] || chown -R -h "$user:$user" "$folder" || exit 1
done
