"""Values and texts come back from the record as they were, and long ones are kept once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.store import Key
from swe_scale.store.sqlite import open_store
from swe_scale.store.texts import SHORT, fold, unfold

pytestmark = pytest.mark.anyio
KEY = Key("pkg-1/trajectory/01/turn/01", "d1")
LONG = "x" * (SHORT + 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text() | st.text(min_size=SHORT, max_size=SHORT + 9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["$text", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON)
def test_texts_fold_and_unfold(value: object) -> None:
    kept: dict[str, str] = {}
    folded = fold(value, kept.__setitem__)
    assert unfold(folded, kept.__getitem__) == value


HOSTILE = [
    {"$text": "an id that is none"},
    {"$text": LONG},
    {"$text": ["x"]},
    [{"$text": {"$text": LONG}}],
    {"body": "\ud800 alone " * 40, "short": "\udcff"},
    {"body": "nul \0 and  and \x1b" * 20},
    ["", LONG, LONG, {"": LONG}],
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
async def test_any_value_comes_back_as_it_was(tmp_path: Path, value: object) -> None:
    async with open_store(tmp_path / "run") as store:
        await store.put(KEY, value)
        assert store.get(KEY) == value
    async with open_store(tmp_path / "run") as store:
        assert store.get(KEY) == value


async def test_a_long_text_is_kept_once(tmp_path: Path) -> None:
    text = "word " * 20_000
    async with open_store(tmp_path / "run") as store:
        for number in range(50):
            await store.put(Key(f"pkg-1/{number}", "d"), {"messages": [text, f"{number}"]})
    size = sum(path.stat().st_size for path in (tmp_path / "run").iterdir())
    assert size < 3 * len(text)
