"""Knows the names under which datasets keep the image of a row."""

from swe_scale.swebench.rows import Found, text_of

TESTBED = "/testbed"
"""Where the tree lies in images of SWE-bench and eval scripts expect it, unless a row says otherwise."""
CONDA = "/opt/miniconda3/envs/testbed/bin"
"""Where images of SWE-bench and those like it keep the programs that the tests need."""


def search_path_of(image: str) -> tuple[str, ...]:
    """Return the folders of an image that come first on its search path, where its own lacks them."""
    return (CONDA,) if "sweb.eval." in image else ()


def tree_in(image: str) -> str | None:
    """Return where the tree lies in an image, where its name tells."""
    return TESTBED if "sweb.eval." in image else None


def image_of(found: Found) -> tuple[str, str]:
    """Return the image that holds a row's tree and where in it; empty where the row names none."""
    if tag := text_of(found.row, "dockerhub_tag"):
        return f"jefzda/sweap-images:{tag}", "/app"
    named = text_of(found.row, "image", "docker_image", "image_name") or _by_convention(found)
    return named, text_of(found.row, "workdir")


def _by_convention(found: Found) -> str:
    if isinstance(found.row.get("requirements"), list):
        # Whoever pins packages in place of naming an image has none by the convention.
        return ""
    name = text_of(found.row, "instance_id").lower().replace("__", "_1776_")
    if "test_cmds" in found.names:
        return f"starryzhang/sweb.eval.x86_64.{name}:latest"
    if {"version", "FAIL_TO_PASS"} <= found.names:
        return f"swebench/sweb.eval.x86_64.{name}:latest"
    return ""
