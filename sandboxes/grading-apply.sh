# Applies a patch in the order of ways of the official harness, each from a pristine tree. 0: it is applied;
# 3: it can't be; 4: this place has no git.
patch=$1
command -v git >/dev/null || exit 4
git config --global --add safe.directory "$PWD"
git rev-parse --verify --quiet HEAD >/dev/null || exit 4
# The history is one commit, whose whole tree `git show` would print.
git config log.showRoot false
first=yes
attempt() {
	[ "$first" ] || { git checkout -- . && git clean -fd; } >/dev/null 2>&1
	first=
	said=$("$@" "$patch" 2>&1)
}
attempt git apply --verbose && exit 0
attempt git apply --verbose --3way && exit 0
attempt git apply --verbose --reject && exit 0
attempt patch --batch --forward --fuzz=5 -p1 -i && exit 0
git apply --check --reverse "$patch" 2>/dev/null && exit 0
printf '%s\n' "$said"
exit 3
