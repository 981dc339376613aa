"""Defines the commands on images; what they do is imported when one of them runs."""

from typing import Annotated

import typer

from swe_scale.cli.end import Config, Json, finish
from swe_scale.cli.help import Command

images = typer.Typer(
    no_args_is_help=True, help="What environments are made of: images, and folders of this host."
)


@images.command("list", cls=Command)
def list_images(config: Config = None, json: Json = False) -> None:
    """List what is kept, least recently used first: size, when made and used, in use by whom."""
    from swe_scale.cli.images import list_images

    finish(lambda: list_images(config, json=json))


@images.command("build", cls=Command)
def build_image(config: Config = None, json: Json = False) -> None:
    """Get the configured base image, and add what environments need and it lacks."""
    from swe_scale.cli.images import build_image

    finish(lambda: build_image(config, json=json))


@images.command("prune", cls=Command)
def prune_images(
    keep_free: Annotated[str, typer.Option(metavar="SIZE", help="Space to have free, such as 50GB.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Remove nothing, say what would be.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Remove what was used least recently, never what is in use, until so much of the disk is free."""
    from swe_scale.cli.images import prune_images

    finish(lambda: prune_images(config, keep_free, dry=dry_run, json=json))
