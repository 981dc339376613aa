# Makes what cells rely on: folders that are open to all, and where the user isn't root, its name and home.
user=$1 home=$2
shift 2
mkdir -p "$@" "$home" || exit 1
chmod 1777 "$@" || exit 1
[ "$user" = 0 ] && exit 0
known() {
	while IFS=: read -r _ _ number _; do
		[ "$number" = "$user" ] && return
	done <"$1"
	return 1
}
known /etc/passwd || echo "user:x:$user:$user::$home:/bin/sh" >>/etc/passwd
known /etc/group || echo "user:x:$user:" >>/etc/group
