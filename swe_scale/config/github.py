"""Where issues are read from and patches are delivered to."""

from pydantic import Field

from swe_scale.config.base import Config


class GitHubConfig(Config):
    """GitHub, or an Enterprise server."""

    api: str = "https://api.github.com"
    """Address of the service."""
    token_variable: str = "GITHUB_TOKEN"
    """Name of the environment variable with a token; without one, public issues are read without it."""
    login: str | None = None
    """Who acts with the token. None: asked of GitHub, which doesn't tell it to apps."""
    sign_off: str | None = None
    """`Name <address>` of whoever signs commits off, where the project wants it. None: nobody does."""
    patience: float = Field(default=300.0, ge=0)
    """Seconds that a command waits, all in all, when GitHub's rate limits ask it to."""
