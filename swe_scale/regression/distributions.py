"""Prints a line for each distribution that an interpreter has installed, from inside an environment.

It is read as text and run by the environment's own interpreter: it needs Python 3.8 and nothing else. A line
is the name, a tab, and its version; `editable` in place of that for what is the work tree itself, and `copy`
where code of a folder was copied or compiled into the installation, so that it isn't looked up in the tree.
"""

import json
import os
import sys
from importlib.metadata import distributions


def state(one, root):  # type: ignore[no-untyped-def]
    """Return what is to be known of a distribution."""
    told = one.read_text("direct_url.json")
    source = json.loads(told) if told else {}
    compiled = any(str(path).endswith((".so", ".pyd")) for path in one.files or ())
    if source.get("dir_info", {}).get("editable"):
        return "copy" if compiled else "editable"
    if str(source.get("url", "")).startswith("file:"):
        return "copy"
    place = os.path.realpath(str(one.locate_file("")))
    inside = place == root or place.startswith(root + os.sep)
    return "editable" if inside and "site-packages" not in place else one.version


def main() -> None:
    """Print them."""
    print("{}\t{}".format("python", sys.version.split()[0]))
    root = os.path.realpath(sys.argv[1])
    for one in distributions():
        print("{}\t{}".format(one.metadata["Name"], state(one, root)))  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
