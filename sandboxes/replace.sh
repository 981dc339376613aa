# Makes room for another version of the work tree: what git tracks here goes, what was built stays.
mkdir -p "$1" "$2" && cd "$1" || exit 1
if [ -e .git ] && command -v git >/dev/null && command -v xargs >/dev/null; then
	git -c safe.directory='*' -c core.fsmonitor=false ls-files -z | xargs -0 -r rm -f --
fi
rm -rf .git
