"""Puts the asset folders into the wheel; an editable install reads them from the checkout instead.

The `sources` option can't do this: it refuses editable installs as soon as a mapped folder holds a
Python file, and the demo's repository is made of them.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ASSETS = {"prompts": "prompts", "sandboxes": "sandboxes", "evaluation/demo": "demo"}


class AssetHook(BuildHookInterface[Any]):
    """Maps each folder of the checkout to its place in the package."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folders to every wheel but the editable one."""
        if version != "editable":
            build_data["force_include"].update(
                {folder: f"swe_scale/_assets/{name}" for folder, name in ASSETS.items()}
            )
