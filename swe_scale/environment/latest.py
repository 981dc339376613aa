"""Remembers which environment a site came to, so that it can be shown without any sandbox."""

from pathlib import Path

from swe_scale.cached import read_cached, write_cached
from swe_scale.config import cache_folder
from swe_scale.environment.prepare import Prepared, Site
from swe_scale.environment.proposals import Proposal
from swe_scale.records import Record
from swe_scale.sandbox import Recipe


class Latest(Record):
    """The environment that was built last of a site."""

    environment: str
    """Its digest."""
    recipe: Recipe
    origins: dict[str, str]

    @property
    def way(self) -> Proposal:
        """The way that led to it."""
        return Proposal(self.recipe, self.origins)


def _file(key: str) -> Path:
    return cache_folder() / "environments" / "latest" / f"{key}.json"


async def remember(site: Site, prepared: Prepared) -> None:
    """Note what a site came to. Where nothing can be written, it isn't shown later."""
    way = prepared.way
    latest = Latest(environment=prepared.environment.digest, recipe=way.recipe, origins=dict(way.origins))
    await write_cached(_file(site.key), latest)


async def recall(site: Site) -> Latest | None:
    """Return what a site came to; None where it wasn't built here, or by another version."""
    return await read_cached(_file(site.key), Latest)
