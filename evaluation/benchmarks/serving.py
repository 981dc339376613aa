"""How well a real server's prefix cache is used, and what the pipeline gets out of a GPU.

Without a GPU the server is vLLM on the processor, with a tiny model of random weights: the shares of tokens
say what they would anywhere, the seconds only which way is quicker. Needs what scripts/vllm prints, in the
variable SWE_SCALE_TEST_VLLM.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
from harness import Figure, Goal, arguments, compare, in_turn, report

sys.path.insert(0, str(Path(__file__).parent / "turns"))
sys.path.insert(0, str(Path(__file__).parent / "served"))
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

import texts
from caching import Layout, Taken, begun, by_affinity, held, laid_out, own_first, round_robin, spread
from load import Load
from throughput import Place, benchmark, on_gpu, pipeline, without_gpu
from vllm_kit import launch, without_vllm
from vllm_served import Served
from warm import WAYS

ONE_CONTEXT = Load(issues=1, siblings=8, turns=6, characters=3_000, reply_tokens=48)
MANY = Load(issues=12, siblings=2, turns=5, characters=3_000, reply_tokens=48, seconds=1.0)
IN_FLIGHT = 4
"""Requests at each of two replicas."""
HELD = 0.5
"""Of the blocks of all conversations that one replica's cache holds, where it is small."""
SIBLINGS, NEW_CHARACTERS, REPLY = 8, 18_000, 32
"""Of first turns over a text that the server hasn't read."""
GPU = Load(issues=16, siblings=10, turns=6, characters=60_000, reply_tokens=256)
_SHORTER = ("--max-model-len=8192", "--max-num-batched-tokens=8192")
_TAKEN: tuple[tuple[str, str, Callable[[Taken], float]], ...] = (
    ("share of prompt tokens from the cache", "×", lambda one: one.share),
    ("prompt tokens computed", "tokens", lambda one: one.computed),
    ("until all replies are there", "s", lambda one: one.seconds),
)
_CHUNKED = ("--enable-chunked-prefill", "--max-num-batched-tokens=2048")


def one_context(server: Served, load: Load, repeats: int) -> list[Figure]:
    """Return the figures of siblings over one shared context."""
    sides: dict[str, Callable[[], Layout]] = {
        "shared first": lambda: anyio.run(laid_out, server, load, lambda request: request),
        "own first": lambda: anyio.run(laid_out, server, load, own_first),
    }
    took = in_turn(sides, repeats)
    ours, other = took["shared first"], took["own first"]
    name = f"{load.siblings} trajectories × {load.turns} turns over one context"
    possible = [one.possible for one in ours]
    shared, own = ([one.taken.share for one in side] for side in (ours, other))
    return [
        compare(
            f"{name}: prompt tokens from the cache ÷ what the construction allows",
            "×",
            possible,
            None,
            Goal(least=0.95, of_ours=True),
        ),
        compare(
            f"{name}: share of prompt tokens from the cache, beside their own part first", "×", shared, own
        ),
    ]


@contextmanager
def pair(folder: Path, *given: str) -> Iterator[list[Served]]:
    """Return two servers."""
    with launch(folder, *given) as one, launch(folder, *given) as other:
        yield [one, other]


def over_two(servers: list[Served], load: Load, cache: str, goal: Goal | None, repeats: int) -> Figure:
    """Return the figure of two replicas, with affinity beside in turn."""
    sides: dict[str, Callable[[], Taken]] = {
        "affinity": lambda: anyio.run(spread, servers, load, by_affinity, IN_FLIGHT),
        "in turn": lambda: anyio.run(spread, servers, load, round_robin, IN_FLIGHT),
    }
    took = in_turn(sides, repeats)
    ours, other = ([one.share for one in took[side]] for side in sides)
    name = f"two replicas, {load.name}, each one's cache {cache}: hit rate with affinity, beside round-robin"
    return compare(name, "×", ours, other, goal)


def replicas(folder: Path, load: Load, repeats: int) -> list[Figure]:
    """Return the figures of two replicas whose caches hold all, and two whose caches hold a part of it."""
    with pair(folder, "--num-gpu-blocks-override=8192") as servers:
        blocks = anyio.run(held, servers[0], load)
        ample = over_two(servers, load, "holding all", None, repeats)
    small = f"--num-gpu-blocks-override={round(HELD * blocks)}"
    with pair(folder, small, *_SHORTER) as servers:
        cache = f"holding {HELD:.0%} of all".replace("%", " %")
        return [over_two(servers, load, cache, Goal(least=1.8), repeats), ample]


def warming(server: Served, chunked: str, repeats: int) -> list[Figure]:
    """Return the figures of ways to begin with a text that is new to the server."""
    text = "".join(texts.files(0))[:NEW_CHARACTERS]
    sides: dict[str, Callable[[], Taken]] = {
        way: lambda begin=begin: anyio.run(begun, server, begin, text, SIBLINGS, REPLY)  # type: ignore[misc]
        for way, begin in WAYS.items()
    }
    took = in_turn(sides, repeats)
    usual, *others = sides
    figures = []
    for way in others:
        prompt = round(took[usual][0].prompt / SIBLINGS, -2)
        what = f"{SIBLINGS} first turns over {prompt:,.0f} new tokens, chunked prefill {chunked}"
        name = f"{what}: {way}, beside {usual}"
        for label, unit, value in _TAKEN:
            ours, other = ([value(one) for one in took[side]] for side in (way, usual))
            figures.append(compare(f"{name}: {label}", unit, ours, other))
    return figures


def throughput(place: Place, load: Load, repeats: int) -> list[Figure]:
    """Return the figures of the pipeline's own load on one server, beside vLLM's benchmark."""
    ran = [anyio.run(pipeline, place, load)]
    print(f"served by: {place.command}\nvLLM's benchmark gets {ran[0].shape}", file=sys.stderr)

    def ours() -> float:
        ran.append(anyio.run(pipeline, place, load))
        return ran[-1].per_second

    took = in_turn({"ours": ours, "vllm": lambda: benchmark(place, ran[0].shape)}, repeats)
    name = f"{load.name} of {load.reply_tokens} tokens, {load.characters // 1000} kB shown, {place.model}"
    minutes = [one.seconds / 60 for one in ran[-repeats:]]
    return [
        compare(f"{name}: tokens of replies", "tokens/s", took["ours"], took["vllm"], Goal(least=0.9)),
        compare(f"{name}, on one GPU by {place.command}", "minutes", minutes, None),
    ]


def on_processor(repeats: int) -> Iterator[Figure]:
    """Return the figures of caching, from servers on the processor."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as folder:
        with launch(Path(folder)) as server:
            yield from one_context(server, ONE_CONTEXT, repeats)
            yield from warming(server, "off", repeats)
        with launch(Path(folder), *_CHUNKED) as server:
            yield from warming(server, "on", repeats)
        yield from replicas(Path(folder), MANY, repeats)


async def on_one_gpu(repeats: int) -> list[Figure]:
    """Return the figures of throughput, from a server on the GPU."""
    async with on_gpu(GPU.siblings) as place:
        return await anyio.to_thread.run_sync(throughput, place, GPU, repeats)


def measure(repeats: int) -> Iterator[Figure]:
    """Return the figures that can be had here, and say which can't."""
    if reason := without_vllm():
        print(f"The figures of caching were not measured: {reason}", file=sys.stderr)
    else:
        yield from on_processor(repeats)
    if reason := without_gpu():
        print(f"The figures of throughput were not measured: {reason}", file=sys.stderr)
    else:
        yield from anyio.run(on_one_gpu, max(1, repeats // 2))


if __name__ == "__main__":
    chosen = arguments("How well a real server's prefix cache is used.", repeats=5)
    report(list(measure(chosen.repeats)), as_json=chosen.json)
