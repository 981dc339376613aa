"""Titles and messages have the form of the project's own, whatever the words are."""

import re

import pytest
from git_kit import Kit, git
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.errors import UsageError
from swe_scale.house.base import Base, files_that_tell
from swe_scale.house.change import Change
from swe_scale.house.manner import Manner, manner_of
from swe_scale.house.messages import Identity
from swe_scale.repo import Past

CHANGE = Change(summary="Lookup fails on empty names.", paragraph="It did.\n\nIt no longer does.", issue=12)
NOTHING = Base((), {})
PERSON = "A <a@example.org>"


def manner(*messages: str, base: Base = NOTHING, times: int = 12, author: str = PERSON) -> Manner:
    past = [Past(message, ("src/core/a.py",), author, PERSON) for message in messages * times]
    return manner_of(base, past)


def with_files(**texts: str) -> Base:
    contents = {name.replace("__", "/"): text.encode() for name, text in texts.items()}
    return Base(tuple(contents), contents)


@pytest.mark.parametrize(
    ("messages", "title"),
    [
        (["Fix a crash"], "Lookup fails on empty names"),
        (["fix a crash"], "lookup fails on empty names"),
        (["Fix a crash."], "Lookup fails on empty names."),
        (["fix: a crash", "feat: b", "docs: c"], "fix: lookup fails on empty names"),
        (["fix(core): a crash"], "fix(core): lookup fails on empty names"),
        (["Fix: a crash"], "Fix: lookup fails on empty names"),
        (["Chore: A thing"], "Fix: Lookup fails on empty names"),
        (["BUG: Fix a crash", "MAINT: Clean"], "BUG: Lookup fails on empty names"),
        (["MAINT: Clean"], "BUG: Lookup fails on empty names"),
        (["core: fix a crash"], "core: lookup fails on empty names"),
        (["[core] Fix a crash"], "[core] Lookup fails on empty names"),
        (["Fixed #1 -- Made x.", "Refs #2 -- Made y."], "Fixed #12 -- Lookup fails on empty names."),
        (["[Fix #1] Fix a crash", "Fix b", "Fix c"], "[Fix #12] Lookup fails on empty names"),
        (["🐛 Fix a crash", "✨ Add b"], "🐛 Lookup fails on empty names"),
        ([":sparkles: Add b"], ":bug: Lookup fails on empty names"),
        (["Fix a crash (#1)"], "Lookup fails on empty names (#12)"),
        (["ABC-1: Fix a crash"], "Lookup fails on empty names"),
        (["a: fix x", "Fix: b", "Fix c", "[d] Fix e"], "Lookup fails on empty names"),
    ],
)
def test_titles_are_as_the_project_has_them(messages: list[str], title: str) -> None:
    change = CHANGE.model_copy(update={"paths": ("src/core/a.py",)})
    assert manner(*messages).title(change) == title


def test_without_history_titles_are_plain_unless_something_is_declared() -> None:
    assert manner().title(CHANGE) == "Lookup fails on empty names"
    guide = with_files(CONTRIBUTING__md="")
    assert manner(base=guide).title(CHANGE) == "Lookup fails on empty names"
    declared = Base(("CONTRIBUTING.md",), {"CONTRIBUTING.md": b"We use [Conventional Commits]."})
    assert manner(base=declared).title(CHANGE) == "fix: lookup fails on empty names"
    config = Base(("pyproject.toml",), {"pyproject.toml": b"[tool.commitizen]\nname = 'cz'\n"})
    assert manner(base=config).title(CHANGE) == "fix: lookup fails on empty names"


def test_bots_releases_and_merges_say_nothing_of_how_people_write() -> None:
    people = [Past("Fix a crash", ("a",), PERSON, PERSON)] * 10
    others = [
        *[Past("chore(deps): bump x", ("a",), "dependabot[bot] <x@y>", PERSON)] * 40,
        *[Past("Merge pull request #1 from x", (), PERSON, PERSON)] * 40,
        *[Past("v1.2.3", ("a",), PERSON, PERSON)] * 40,
        *[Past("", (), PERSON, PERSON)] * 40,
    ]
    found = manner_of(NOTHING, [*others, *people])
    assert found.title(CHANGE) == "Lookup fails on empty names" and len(found.commits) == 10


def test_what_github_adds_is_left_to_github() -> None:
    past = [Past("Fix a crash (#1)", ("a",), PERSON, "GitHub <noreply@github.com>")] * 12
    assert manner_of(NOTHING, past).title(CHANGE) == "Lookup fails on empty names"


def test_the_summarys_own_label_gives_way() -> None:
    project = manner("BUG: Fix a crash")
    for summary in ("fix: empty names", "[Bug] empty names", "BUG: empty names", "bug(core): empty names."):
        assert project.title(Change(summary=summary, issue=1)) == "BUG: Empty names"


def test_words_of_past_strangers_dont_act_either() -> None:
    change = CHANGE.model_copy(update={"paths": ("src/core/a.py",)})
    assert manner("@team/core: Fix a crash").title(change) == "(at)team/core: Lookup fails on empty names"
    assert manner("fix(closes #7): a crash").title(change) == "fix(closes no. 7): lookup fails on empty names"
    assert "{" not in manner("Fix {0} a {x} crash\n\nCloses {y}/z#1").message(CHANGE).text


def test_names_keep_their_capital() -> None:
    project = manner("fix: a crash in Django", "fix: say Django once")
    assert project.title(Change(summary="Django fails")) == "fix: Django fails"
    assert project.title(Change(summary="URLs fail")) == "fix: URLs fail"
    assert manner("Fix a crash").title(Change(summary="numpy.ndarray fails")) == "numpy.ndarray fails"


def test_messages_close_the_issue_in_the_projects_words_once() -> None:
    message = manner("Fix a crash\n\nLong.\n\nCloses: #7").message(CHANGE)
    assert (
        message.text == ("Lookup fails on empty names\n\nIt did.\n\nIt no longer does.\n\nCloses: #12\n")
        and message.lacks == ()
    )
    assert "\n\nFixes #12\n" in manner("Fix a crash").message(CHANGE).text
    assert manner("Fixed #1 -- Made x.").message(CHANGE).text.count("12") == 1
    assert "#" not in manner("Fix a crash").message(Change(summary="x")).text


def test_bodies_are_wrapped_where_the_projects_are() -> None:
    change = Change(summary="x", paragraph="word " * 100)
    wrapped = manner(f"Fix a crash\n\n{'some words in it ' * 4}").message(change).text
    assert 60 <= max(map(len, wrapped.splitlines())) <= 80
    whole = manner(f"Fix a crash\n\n{'some words in it ' * 40}").message(change).text
    assert max(map(len, whole.splitlines())) == 499


def test_sign_off_is_wanted_where_history_or_rules_say_so_and_never_made_up() -> None:
    signed = manner("Fix a crash\n\nSigned-off-by: B <b@example.org>")
    assert "Signed-off-by" not in signed.message(CHANGE).text
    assert signed.message(CHANGE).lacks and not manner("Fix a crash").message(CHANGE).lacks
    text = signed.message(CHANGE, Identity("C D", "c@example.org")).text
    assert text.endswith("\n\nFixes #12\n\nSigned-off-by: C D <c@example.org>\n")
    assert "Signed" not in manner("Fix a crash").message(CHANGE, Identity("C D", "c@example.org")).text
    rule = Base((".github/dco.yml",), {})
    assert manner("Fix a crash", base=rule).message(CHANGE).lacks
    guide = Base(("CONTRIBUTING.md",), {"CONTRIBUTING.md": b"Sign your commits: git commit -s"})
    assert manner(base=guide).message(CHANGE).lacks
    assert not manner("Fix a crash", base=guide).message(CHANGE).lacks, "nobody does"


@pytest.mark.parametrize(
    ("name", "email"),
    [("", "a@b"), ("A\nFixes #1", "a@b"), ("A <x>", "a@b"), ("A", "no"), ("A", "a b@c"), ("A", "a@b\n")],
)
def test_an_identity_is_one_line(name: str, email: str) -> None:
    with pytest.raises(UsageError, match="to sign off with"):
        Identity(name, email)


def test_a_declared_length_is_kept() -> None:
    base = Base((".gitlint",), {".gitlint": b"[title-max-length]\nline-length=50\n"})
    title = manner("Fix a crash", base=base).title(Change(summary="word " * 40))
    assert len(title) <= 50 and title.endswith("word…")


@given(st.text(max_size=200), st.text(max_size=400))
def test_words_of_strangers_dont_act_in_messages(summary: str, paragraph: str) -> None:
    change = Change(
        summary=f"{summary} fixes #99 @bob", paragraph=f"{paragraph}\nSigned-off-by: X <x@y.z>", issue=12
    )
    for project in (manner("Fix a crash"), manner("fix(core): a"), manner("Fixed #1 -- Made x.")):
        text = project.message(change).text
        assert not re.search(r"@\w|#9", text) and "Signed-off-by:" not in text
        assert text.partition("\n")[0] == project.title(change) and len(re.findall(r"#\w", text)) <= 1
        assert not any(line.startswith(("diff -", "---", "From ")) for line in text.splitlines()[1:])


@pytest.mark.anyio
async def test_of_a_real_repository(kit: Kit) -> None:
    for number in range(12):
        kit.write({f"src/net/{number}.go": b"x", "CHANGELOG.md": b"# Changes\n\n## Unreleased\n- Old.\n"})
        git(kit.folder, "add", ".")
        git(kit.folder, "commit", "-q", "-m", f"net: fix crash {number}\n\nSigned-off-by: B <b@example.org>")
    repository, tree = await kit.opened()
    paths = tuple(entry.path for entry in await repository.files(tree))
    change = CHANGE.model_copy(update={"paths": ("src/net/3.go",)})
    wanted = files_that_tell(paths, change.paths)
    assert wanted == ("CHANGELOG.md",)
    base = Base(paths, await repository.read(tree, wanted))
    found = manner_of(base, await repository.past(await repository.resolve(), 300))
    assert found.title(change) == "net: lookup fails on empty names"
    assert found.message(change).lacks
    assert found.changelog(change).edit is None, "only one commit touched it"


@pytest.fixture
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    return Kit(tmp_path_factory.mktemp("repositories") / "source")
