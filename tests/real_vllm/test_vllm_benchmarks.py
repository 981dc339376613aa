"""The serving benchmark measures real servers, small."""

from pathlib import Path

import pytest
from own_loop import run_apart
from vllm_kit import MODEL, tiny_model, vllm_python
from vllm_served import Served

pytestmark = pytest.mark.vllm
BENCHMARKS = Path(__file__).resolve().parents[2] / "evaluation" / "benchmarks"
_BENCH = (
    "import argparse, vllm.benchmarks.serve as bench; parser = argparse.ArgumentParser(); "
    "bench.add_cli_args(parser); bench.main(parser.parse_args())"
)
"""What `vllm bench serve` does; the command itself isn't in the build for the processor."""


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("served", "turns", "."):
        monkeypatch.syspath_prepend(str(BENCHMARKS / folder))


def test_siblings_get_from_the_cache_what_the_construction_allows(server: Served) -> None:
    import serving
    from load import Load

    load = Load(issues=1, siblings=3, turns=3, characters=500, reply_tokens=8)
    possible, shares = run_apart(lambda: serving.one_context(server, load, repeats=1))
    assert possible.met
    assert shares.ratio is not None and shares.ratio > 1


def test_every_way_to_begin_reads_a_new_text_once(server: Served) -> None:
    import serving

    figures = run_apart(lambda: serving.warming(server, "off", repeats=1))
    assert len(figures) == 6
    assert all(0.8 < one.ours < 0.9 for one in figures if "share" in one.name)


def test_the_pipeline_is_measured_beside_the_servers_own_benchmark(server: Served) -> None:
    import serving
    from load import Load
    from throughput import Place

    place = Place(
        server.base_url, MODEL, str(tiny_model()), (str(vllm_python()), "-W", "ignore", "-c", _BENCH)
    )
    load = Load(issues=2, siblings=2, turns=2, characters=500, reply_tokens=8)
    tokens, minutes = run_apart(lambda: serving.throughput(place, load, repeats=1))
    assert tokens.ours > 0 and tokens.baseline is not None and tokens.baseline > 0
    assert minutes.ours > 0
