"""What a solver may see of rows, and which rows are chosen."""

import json
import pickle
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from rows_kit import GOLD, row, written

from swe_scale.config import Bubblewrap, OpenAIEndpoint, RunConfig
from swe_scale.environment import Options
from swe_scale.errors import UsageError
from swe_scale.jobs import Job, Task
from swe_scale.means import Means
from swe_scale.swebench.choosing import Choice, parse_filter, parse_ids, parse_slice
from swe_scale.swebench.instance import Gold, Instance, Question
from swe_scale.swebench.questions import COLUMNS, read_questions


def ids(path: Path, **parts: Any) -> list[str]:
    return [one.issue.id.removeprefix("octo__repo-") for one in read_questions(path, Choice(**parts)).found]


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    return written(tmp_path, "rows.jsonl", *(row(number) for number in range(1, 11)))


def test_nothing_of_the_answer_gets_through(tmp_path: Path) -> None:
    gold: dict[str, Any] = {
        "eval_script": "GOLD-SCRIPT",
        "image": "some/image",
        "selected_test_files_to_run": '["GOLD::test"]',
    }
    path = written(tmp_path, "rows.jsonl", row(**gold))
    filtered = Choice(filters=(parse_filter("difficulty=<15 min fix"),))
    rows = read_questions(path, filtered)
    model = OpenAIEndpoint(base_url="http://localhost:1/v1", model="m")
    config = RunConfig(
        models={"trajectory": (model,)}, sandbox=Bubblewrap(), strategies={"revise": 1}, turns=1,
        context_tokens=1,
    )  # fmt: skip
    tasks = tuple(Task(issue=one.issue, options=Options()) for one in rows.found)
    job = Job(kind="eval", config=config, tasks=tasks, faults=rows.faults)
    held = [pickle.dumps(rows), pickle.dumps(job), job.model_dump_json().encode()]
    assert all(b"octo__repo-1" in one for one in held)
    for text in (*GOLD, "<15 min"):
        assert path.read_bytes().count(text.encode()) and not any(text.encode() in one for one in held), text


def test_no_column_of_the_answer_is_asked_for() -> None:
    hidden = ("patch", "to_pass", "hint", "eval", "test", "parser", "difficulty", "install", "set_cmd")
    assert not [name for name in COLUMNS for word in hidden if word in name.lower()]


def test_a_row_names_its_image_or_has_one_by_convention(tmp_path: Path) -> None:
    def image(**changes: Any) -> tuple[str, str]:
        [one] = read_questions(written(tmp_path, "one.jsonl", row(**changes))).found
        return one.image, one.workdir

    plain = {"instance_id": "Octo__Repo-7"}
    assert image(**plain) == ("swebench/sweb.eval.x86_64.octo_1776_repo-7:latest", "")
    assert image(image="a/b:c") == ("a/b:c", "")
    assert image(docker_image="a/b") == ("a/b", "")
    assert image(test_cmds=["x"], version=None) == (
        "starryzhang/sweb.eval.x86_64.octo_1776_repo-1:latest",
        "",
    )
    assert image(dockerhub_tag="octo.repo-x") == ("jefzda/sweap-images:octo.repo-x", "/app")
    del plain["instance_id"]
    bare = {k: v for k, v in row().items() if k != "version"}
    [one] = read_questions(written(tmp_path, "two.jsonl", bare)).found
    assert one.image == "", "a plain file of issues names no image"


def test_what_pro_requires_is_part_of_the_question(tmp_path: Path) -> None:
    told = row(requirements="It must not break.", interface="f() -> int", dockerhub_tag="t")
    [one] = read_questions(written(tmp_path, "pro.jsonl", told)).found
    assert "It must not break." in one.issue.body and "f() -> int" in one.issue.body
    assert one.requirements == ()
    frozen = row(requirements="numpy==1.0\nscipy==2\n")
    [other] = read_questions(written(tmp_path, "rebench.jsonl", frozen)).found
    assert other.requirements == () and "numpy" not in other.issue.body


def test_pinned_requirements(tmp_path: Path) -> None:
    pinned = row(python="3.9", requirements=["a==1"], prepare_cmd="make")
    [one] = read_questions(written(tmp_path, "rows.jsonl", pinned)).found
    assert (one.python, one.requirements, one.prepare) == ("3.9", ("a==1",), "make")
    assert one.image == "", "an image by the convention is for rows that say nothing else"
    named = row(requirements=["a==1"], image="a/b:c")
    assert read_questions(written(tmp_path, "named.jsonl", named)).found[0].image == "a/b:c"


def test_long_ids_of_pro_stay_as_they_are(tmp_path: Path) -> None:
    name = "instance_internetarchive__openlibrary-" + "4a5d2a7d" * 5 + "-v" + "13642507" * 5
    [one] = read_questions(written(tmp_path, "rows.jsonl", row(instance_id=name))).found
    assert one.issue.id == name


@pytest.mark.parametrize("name", ["a/../b", ".hidden", "-x", "x" * 151, "a b", "ü", "@all", "x\0"])
def test_ids_that_can_not_name_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="holds no usable row"):
        read_questions(written(tmp_path, "rows.jsonl", row(instance_id=name)))


def test_rows_are_chosen_by_what_they_show(ten: Path, tmp_path: Path) -> None:
    assert ids(ten, filters=(parse_filter("repo-1"),)) == ["1", "10"]
    assert ids(ten, filters=(parse_filter("difficulty=1-4 hours"), parse_filter("-[4-6]$"))) == ["4", "6"]
    assert (
        ids(ten, filters=(parse_filter("repo=octo/repo,else/where"), parse_filter("version=1.0")))[-1] == "10"
    )
    listed = tmp_path / "ids.txt"
    listed.write_text("octo__repo-3\nocto__repo-9\n")
    assert ids(ten, ids=parse_ids([str(listed)])) == ["3", "9"]
    assert ids(ten, ids=parse_ids(["octo__repo-2, octo__repo-1"])) == ["1", "2"]
    assert ids(ten, part=parse_slice("2:4")) == ["3", "4"]
    assert ids(ten, part=parse_slice("-1:")) == ["10"]


def test_a_larger_sample_holds_the_smaller(ten: Path) -> None:
    small, large = ids(ten, sample=3, seed=5), ids(ten, sample=6, seed=5)
    assert len(small) == 3 and set(small) < set(large) and small == sorted(small, key=int)
    assert ids(ten, sample=3, seed=6) != small
    order = ids(ten, shuffle=True, seed=5)
    assert sorted(order, key=int) == ids(ten) and order != ids(ten)
    assert set(order[:3]) == set(small) and order == ids(ten, shuffle=True, seed=5)


def test_a_sample_of_many_is_thinned_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = written(tmp_path, "many.jsonl", *(row(number) for number in range(50)))
    whole = ids(many, sample=4)
    monkeypatch.setattr("swe_scale.swebench.sifting._SPARE", 2)
    assert ids(many, sample=4) == whole


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"filters": ("repo-1", "nothing")}, "--filter 'nothing' leaves none"),
        ({"filters": ("nothing", "repo-1")}, "--filter 'nothing' leaves none"),
        ({"filters": ("language=go",)}, "no row says its language"),
        ({"ids": ["no__such-1"]}, "has no row 'no__such-1'"),
        ({"part": "20:30"}, "--slice leaves none"),
    ],
)
def test_an_empty_choice_says_what_emptied_it(ten: Path, parts: dict[str, Any], said: str) -> None:
    parts["filters"] = tuple(parse_filter(text) for text in parts.get("filters", ()))
    parts["ids"] = parse_ids(parts["ids"]) if "ids" in parts else None
    parts["part"] = parse_slice(parts.get("part", ":"))
    with pytest.raises(UsageError) as error:
        read_questions(ten, Choice(**parts))
    assert said in str(error.value)


def test_an_id_that_is_missing_is_reported_beside_the_others(ten: Path) -> None:
    rows = read_questions(ten, Choice(ids=parse_ids(["octo__repo-1,no__such-1"])))
    assert len(rows.found) == 1 and "has no row 'no__such-1'" in rows.faults[0]


def test_options_that_can_not_be_understood(tmp_path: Path) -> None:
    for wrong in (lambda: parse_filter("("), lambda: parse_slice("1"), lambda: parse_slice("-:2")):
        with pytest.raises(UsageError, match="--"):
            wrong()
    for ids_given in (",", str(tmp_path)):
        if ids_given == ",":
            with pytest.raises(UsageError, match="names no id"):
                parse_ids([ids_given])


def test_faults_are_told_apart_and_bounded(tmp_path: Path) -> None:
    wrong = [json.dumps([1]), "{", row(problem_statement=" "), {**row(2), "repo": 3}, row(1), row(1)]
    rows = read_questions(written(tmp_path, "rows.jsonl", *wrong))
    assert len(rows.found) == 1
    assert [text.partition(": ")[0].rpartition(", ")[2] for text in rows.faults] == [
        "line 1", "line 2", "line 3", "line 4", "line 6",
    ]  # fmt: skip
    many = read_questions(written(tmp_path, "many.jsonl", row(), *(["[]"] * 2000)))
    assert len(many.faults) == 1001 and "not listed" in many.faults[-1]


def test_what_solvers_are_given_has_no_place_for_an_answer() -> None:
    hidden = ("patch", "pass_to_pass", "fail_to_pass", "eval_script", "hints", "test_command", "log_parser")
    # What is given are the candidates of a selection, which no row has.
    given = {"given.Given.patches", "given.GivenPatch.patch"}
    allowed = {"means.Means.models", "records.Environment.test_command", *given}
    seen = reachable(Question, Task, Job, Means)
    assert {"Issue", "Options", "RunConfig", "Table"} <= {one.__name__ for one in seen}
    found = {
        f"{one.__module__.removeprefix('swe_scale.')}.{one.__name__}.{name}"
        for one in seen
        for name in get_type_hints(one)
        for word in hidden
        if word in name.lower()
    }
    assert found <= allowed, found
    assert not {Gold, Instance} & seen


def reachable(*roots: type) -> set[type]:
    """Return the types of ours that the annotations of some types lead to, of whatever depth."""
    seen: set[type] = set()
    left: list[Any] = list(roots)
    while left:
        one = left.pop()
        left += get_args(one)
        if isinstance(one, type) and one.__module__.startswith("swe_scale.") and one not in seen:
            seen.add(one)
            left += [hint for base in one.__mro__[:-1] if base.__module__.startswith("swe_scale.")
                     for hint in get_type_hints(base).values()]  # fmt: skip
    return seen
