# Deletes the entries named after the folder, and folders that are empty then, as git does.
cd "$1" || exit 1
shift
for path; do
	rm -rf -- "./$path" || exit 1
	while [ "${path%/*}" != "$path" ]; do
		path=${path%/*}
		rmdir -- "./$path" 2>/dev/null || break
	done
done
