"""What is known of a project's own ways: its formatters, and how it tells of its changes."""

from swe_scale.house.base import Base, files_that_tell
from swe_scale.house.change import Change, Edit
from swe_scale.house.formatters import PLACE, Formatter, Plain
from swe_scale.house.found import TOLD_BY, formatters_of, formatters_wanted
from swe_scale.house.fragments import Entry
from swe_scale.house.manner import PAST, Manner, manner_of
from swe_scale.house.messages import Identity, Message

__all__ = [
    "PAST",
    "PLACE",
    "TOLD_BY",
    "Base",
    "Change",
    "Edit",
    "Entry",
    "Formatter",
    "Identity",
    "Manner",
    "Message",
    "Plain",
    "files_that_tell",
    "formatters_of",
    "formatters_wanted",
    "manner_of",
]
