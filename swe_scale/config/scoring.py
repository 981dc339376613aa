"""A verifier of the user's own, which gives candidates scores: a command, or an address."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from swe_scale.config.base import Config
from swe_scale.config.models import without_password

SCORE_KEY = "SWE_SCALE_SCORE_KEY"
"""Environment variable that holds an endpoint's key, where the configuration names no other."""


class ScoreCommand(Config):
    """A program on this host: it reads one JSON document and writes another."""

    kind: Literal["command"] = "command"
    command: tuple[str, ...] = Field(min_length=1)
    """Its words; no shell is in between."""
    seconds: float = Field(default=600.0, gt=0)
    """For all candidates of an issue."""
    variables: tuple[str, ...] = ()
    """Environment variables that it is given although their names sound like those of secrets."""


class ScoreEndpoint(Config):
    """A web address to which the same document is posted."""

    kind: Literal["endpoint"] = "endpoint"
    url: str
    """For instance `http://localhost:9000/score`."""
    key_variable: str = SCORE_KEY
    """Name of the environment variable that holds the key, sent as a bearer token if it is set."""
    key_file: Path | None = None
    """A file that holds the key, in place of the variable."""
    seconds: float = Field(default=600.0, gt=0)
    """For all candidates of an issue."""

    _without_password = field_validator("url")(without_password)


ScoreConfig = Annotated[ScoreCommand | ScoreEndpoint, Field(discriminator="kind")]
