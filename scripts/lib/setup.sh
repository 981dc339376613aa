# Read by the scripts beside this folder: makes .venv from the lock, again only when the lock has changed.
# Sets `root` (the checkout) and `venv`. PYTHON=… picks another interpreter than the first one that is new enough.
set -euo pipefail
# Tests start the command thousands of times; without bytecode each compiles the package anew.
unset PYTHONDONTWRITEBYTECODE

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
venv=$root/.venv

say() { printf '%s\n' "$*" >&2; }
stop() { say "$@"; exit 1; }

# loudly MESSAGE COMMAND…: says what is going on; shows the command's output only if it fails.
loudly() {
  local log
  say "$1 …"
  log=$(mktemp)
  if ! "${@:2}" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

# packages NAME…: installs them where that is ours to do.
packages() {
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 1
  loudly "Looking for packages" apt-get update || true
  loudly "Installing $*" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
}

find_python() {
  local name
  for name in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s' "$name"
      return
    fi
  done
  return 1
}

# new_venv PYTHON FOLDER
new_venv() {
  local package
  if ! "$1" -c 'import ensurepip' 2>/dev/null; then
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    packages "$package" || stop "Python's venv module is incomplete; install it with: sudo apt-get install $package"
  fi
  "$1" -m venv --clear "$2"
}

make_venv() {
  local python
  python=$(find_python) || stop "Python 3.11 or newer is needed: install it, or name it with PYTHON=/path/to/python3."
  new_venv "$python" "$venv"
}

fill_venv() {
  "$venv/bin/python" -c 'import pip' 2>/dev/null || "$venv/bin/python" -m ensurepip >/dev/null
  local pip=("$venv/bin/python" -m pip install -qq --no-input --disable-pip-version-check)
  loudly "Installing what the lock names into .venv (about a minute)" \
    "${pip[@]}" --require-hashes -r "$root/requirements-dev.lock"
  "${pip[@]}" --no-deps --no-build-isolation --editable "$root"
}

set_up() {
  command -v git >/dev/null || packages git || stop "git is missing; install it with: sudo apt-get install git"
  command -v bwrap >/dev/null || packages bubblewrap ||
    say "bubblewrap is missing; sandboxes need it or Docker: sudo apt-get install bubblewrap"
  "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || make_venv
  fill_venv
}

# The stamp names the folder too: a moved checkout has scripts that point to the old place.
state="$root $(cat "$root/pyproject.toml" "$root/requirements-dev.lock" | sha256sum)"
is_current() { [[ -x $venv/bin/swe-scale && $(cat "$venv/.stamp" 2>/dev/null) == "$state" ]]; }

if ! is_current; then
  exec 9<"${BASH_SOURCE[0]}"
  if command -v flock >/dev/null; then flock 9; fi
  if ! is_current; then
    set_up
    printf '%s\n' "$state" >"$venv/.stamp"
  fi
  exec 9<&-
fi
