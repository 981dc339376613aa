"""Boxes are used again, or made ahead of need; none outlives its pool."""

import platform
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from swe_scale.config import Bubblewrap, Limits
from swe_scale.errors import SandboxError
from swe_scale.sandbox.box import Box, Size
from swe_scale.sandbox.bwrap import Rooms
from swe_scale.sandbox.helper import provide
from swe_scale.sandbox.pool import Pool, pooled
from swe_scale.sandbox.preparation import PATH

pytestmark = [pytest.mark.anyio, pytest.mark.bubblewrap]
SIZE = Size.of(Limits())


class Maker:
    """Makes real boxes and remembers them."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms
        self.made: list[Box] = []
        self.wrong = False

    async def make(self, size: Size, shown: Mapping[str, Path | str] | None = None) -> Box:
        if self.wrong:
            raise SandboxError("no box can be made")
        self.made.append(await self.rooms.make(size, shown))
        return self.made[-1]

    async def run(self, box: Box, line: str, seconds: float = 30) -> str:
        await box.begin(self.rooms.plan(), 1 << 20)
        limits = Limits(seconds=seconds)
        ran = await box.run(("sh", "-c", line), limits, folder="/work", variables={"PATH": PATH})
        return ran.output


@pytest.fixture
async def maker(bubblewrap_config: Bubblewrap, tmp_path: Path) -> AsyncIterator[Maker]:
    (tmp_path / "tree").mkdir()
    program = await provide(platform.machine())
    found = Maker(Rooms(program, {"/work": tmp_path / "tree"}, {}, None))
    yield found
    for box in found.made:
        await ended(found, box)


async def two_at_a_time(pool: Pool) -> None:
    async with pool.lease(SIZE), pool.lease(SIZE):
        pass


async def ended(maker: Maker, box: Box) -> None:
    with pytest.raises(SandboxError, match="is gone"):
        await maker.run(box, "true")


async def test_a_box_serves_one_cell_after_the_other(maker: Maker) -> None:
    async with pooled(maker.make, ahead=0) as pool:
        for _ in range(3):
            async with pool.lease(SIZE) as box:
                assert await maker.run(box, "ls /scratch; touch /scratch/x /work/y; ls /work") == "y\n"
        assert len(maker.made) == 1


async def test_at_a_time_each_has_its_own(maker: Maker) -> None:
    async with pooled(maker.make, ahead=0) as pool, AsyncExitStack() as stack:
        boxes = [await stack.enter_async_context(pool.lease(SIZE)) for _ in range(3)]
        assert len({id(box) for box in boxes}) == 3
        other = await stack.enter_async_context(pool.lease(SIZE._replace(pids=64)))
        assert other not in boxes


async def test_one_that_hit_a_limit_or_failed_is_not_used_again(maker: Maker) -> None:
    async with pooled(maker.make, ahead=0) as pool:
        async with pool.lease(SIZE) as box:
            await maker.run(box, "sleep 60", seconds=0.3)
        async with pool.lease(SIZE) as box:
            await maker.run(box, "true")
            with pytest.raises(SandboxError, match="not a path below"):
                await box.write("/work", {"../x": None})
            with pytest.raises(SandboxError, match="can't be opened: /proc"):
                await box.write("/proc/nowhere", {"x": None})
        async with pool.lease(SIZE):
            assert len(maker.made) == 3


async def test_one_whose_call_was_cut_off_ends_at_once(maker: Maker) -> None:
    async with pooled(maker.make, ahead=0) as pool:
        with anyio.move_on_after(0.5):
            async with pool.lease(SIZE) as box:
                await maker.run(box, "sleep 60")
        await ended(maker, maker.made[0])


async def test_boxes_are_made_ahead_and_used_once(maker: Maker) -> None:
    async with pooled(maker.make, ahead=2) as pool:
        async with pool.lease(SIZE) as first:
            pass
        with anyio.fail_after(30):
            while len(maker.made) < 3:  # noqa: ASYNC110 - nothing tells that one is made
                await anyio.sleep(0.01)
        async with pool.lease(SIZE) as second:
            assert second is not first
            assert second in maker.made[1:3]


async def test_what_keeps_a_box_from_being_made_is_told_to_who_asks(maker: Maker) -> None:
    async with pooled(maker.make, ahead=1) as pool:
        async with pool.lease(SIZE):
            maker.wrong = True
        await anyio.sleep(0.2)
        # One may have been made before.
        with pytest.raises(SandboxError, match="no box can be made"):
            await two_at_a_time(pool)


async def test_an_error_of_the_user_stays_what_it_is(maker: Maker) -> None:
    with pytest.raises(ZeroDivisionError):
        async with pooled(maker.make, ahead=1) as pool, pool.lease(SIZE):
            raise ZeroDivisionError
    assert isinstance(pool, Pool)
