"""The repository's content, kept in an object store of our own that no sandbox can reach."""

from swe_scale.repo.history import Past
from swe_scale.repo.objects import Entry
from swe_scale.repo.repository import Repository
from swe_scale.repo.source import complete_source

__all__ = ["Entry", "Past", "Repository", "complete_source"]
