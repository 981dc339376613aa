"""Names of code and paths in issues of scripts that put no space beside them."""

import pytest

from swe_scale.context.mentions import Paths, find_mentions, find_names

QUERY = "django/db/models/query.py"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("见django/db/models/query.py第12行", 12),
        ("models/query.pyの12行目でエラー", 12),
        ("models/query.py 12번째 줄에서", 12),
        ("请看models/query.py文件", None),
        ("ошибка в models/query.py, строка", None),
        ("in models/query.py tritt auf", None),
    ],
)
def test_paths(text: str, line: int | None) -> None:
    found = find_mentions(text, Paths([QUERY, "other/sql/a.py"]))
    assert list(found) == [QUERY]
    assert found[QUERY].lines == ({line} if line else set())


@pytest.mark.parametrize("text", ["在QuerySet中", "QuerySet을 쓰면", "調用QuerySet（）時", "のQuerySetが"])
def test_names(text: str) -> None:
    assert "QuerySet" in find_names(text)


def test_many_files_of_one_name_are_looked_up_at_once() -> None:
    paths = Paths(f"a{number}/x/index.js" for number in range(20_000))
    assert all(len(paths.by_path(f"a{number}/x/index.js")) == 1 for number in range(0, 20_000, 10))
    assert len(paths.by_path("x/index.js")) == 5
