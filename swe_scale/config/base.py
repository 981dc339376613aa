"""What every section of the configuration is made of."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """A frozen section of the configuration that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
