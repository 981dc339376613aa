"""`--image` with an image of SWE-bench: where its tree and its programs are needs no word."""

from swe_scale.cli.options import SolveOptions
from swe_scale.cli.surroundings import options_of
from swe_scale.config import Docker

OF_SWEBENCH = "swebench/sweb.eval.x86_64.psf_1776_requests-5414:latest"


def test_an_image_of_swe_bench_has_its_tree_and_programs_where_they_are() -> None:
    found = options_of(SolveOptions(image=OF_SWEBENCH), Docker())
    assert (found.image, found.workdir) == (OF_SWEBENCH, "/testbed")
    assert found.path == ("/opt/miniconda3/envs/testbed/bin",)


def test_of_any_other_image_nothing_is_assumed() -> None:
    found = options_of(SolveOptions(image="python:3.11"), Docker())
    assert (found.workdir, found.path) == (None, ())
