"""The step of `swe-scale prepare` for what a repository defines and what its files are about."""

import anyio.lowlevel

from swe_scale.cli.prepare_work import Stepped, Work


async def prepare_symbols(work: Work) -> Stepped:  # noqa: ARG001
    """Do nothing yet: the context of an issue needs no index that is made ahead."""
    await anyio.lowlevel.checkpoint()
    return Stepped(note="nothing needs to be done ahead")
