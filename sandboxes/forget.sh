# Removes what else in an image holds the history of the work tree named first: clones, object stores, bundles.
cd "$1" || exit 1
for program in git find grep mktemp head; do
	command -v "$program" >/dev/null || exit 0
done
own=$(pwd -P)/.git
scratch=$(mktemp -d) || exit 1
export GIT_DIR="$scratch/empty" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
git init -q --bare "$GIT_DIR" && git -c safe.directory='*' --git-dir "$own" ls-tree -r HEAD |
	while read -r _ kind name _; do
		[ "$kind" = blob ] && echo "$name"
	done | head -n 5000 >"$scratch/names"
total=$(grep -c . "$scratch/names")

# Whether an object store holds a tenth of the tree's files: less may be a licence that others have, too.
holds() {
	found=$(GIT_OBJECT_DIRECTORY="$1" git cat-file --batch-check <"$scratch/names" 2>/dev/null | grep -c ' blob ')
	[ "$found" -gt 0 ] && [ $((found * 10)) -ge "$total" ]
}

# Whether it borrows objects of a store that is gone: nothing else would tell whose it was.
orphan() {
	[ -f "$1/info/alternates" ] || return 1
	while read -r place; do
		case $place in
		/*) [ -d "$place" ] || return 0 ;;
		*) [ -d "$1/$place" ] || return 0 ;;
		esac
	done <"$1/info/alternates"
	return 1
}

find / -xdev \( -path /proc -o -path /sys -o -path "$scratch" -o -path "$own" \) -prune -o \
	\( -type d -name pack -o -type f -name '*.bundle' \) -print 2>/dev/null >"$scratch/places"
while IFS= read -r place; do
	if [ -f "$place" ]; then
		rm -rf "$scratch/unpacked" && GIT_DIR="$scratch/unpacked" git init -q --bare
		GIT_DIR="$scratch/unpacked" git bundle unbundle "$place" >/dev/null 2>&1 &&
			holds "$scratch/unpacked/objects" && rm -f -- "$place"
		continue
	fi
	store=${place%/pack} owner=${place%/*/pack}
	if holds "$store" || orphan "$store"; then
		[ -f "$owner/HEAD" ] || owner=$store
		rm -rf -- "$owner" || exit 1
	fi
done <"$scratch/places"
rm -rf "$scratch"
