import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.patch import changed_tokens, newline_forms, overlap, strip_level, touched

GIT = """\
diff --git a/one.py b/one.py
index 1..2 100644
--- a/one.py
+++ b/one.py
@@ -1,3 +1,3 @@ def f():
 a
---- a/not/a/file
++++ b/not/a/file
 @@ -1 +1 @@
diff --git a/old name b/new name
similarity index 90%
rename from old name
rename to new name
--- a/old name\t
+++ b/new name\t
@@ -1 +1 @@
-x
+y
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-x
diff --git "a/\\303\\274 \\"q\\".txt" "b/\\303\\274 \\"q\\".txt"
new file mode 100644
index 0..1
GIT binary patch
literal 1
Ic${Zu

diff --git a/mode x b/mode x
old mode 100644
new mode 100755
diff --git a/from b/copy
copy from from
copy to copy
"""


def test_touched_names_both_ends_of_every_difference() -> None:
    assert touched(GIT) == ("one.py", "old name", "new name", "gone", 'ü "q".txt', "mode x", "copy")


@pytest.mark.parametrize(
    ("patch", "paths"),
    [
        ("", ()),
        ("words\n--- only this\n", ()),
        ("--- a/x.py\t2020-01-01\n+++ b/x.py\t2020-01-01\n@@ -1 +1 @@\n-a\n+b\n", ("x.py",)),
        ("--- x/y.py\n+++ x/y.py\n@@ -1 +1 @@\n-a\n+b\n", ("x/y.py",)),
        ("--- /dev/null\n+++ x/y.py\n@@ -0,0 +1 @@\n+b\n", ("x/y.py",)),
        ("--- p-1.0/x.py\n+++ p-1.1/x.py\n@@ -1 +1 @@\n-a\n+b\n", ("x.py",)),
        ("--- /dev/null\r\n+++ b/x.py\r\n@@ -0,0 +1 @@\r\n+b\r\n", ("x.py",)),
        ("--- /dev/null\n+++ b/../x\n@@ -0,0 +1 @@\n+b\n", ("../x",)),
        ("--- /dev/null\n+++ /etc/x\n@@ -0,0 +1 @@\n+b\n", ("/etc/x",)),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n", ("x", "y")),
        ("diff --git x y\n", ()),
    ],
)
def test_touched_reads_what_others_write(patch: str, paths: tuple[str, ...]) -> None:
    assert touched(patch) == paths


def test_names_without_prefix_are_told_from_names_with() -> None:
    plain = "--- {}\n+++ {}\n@@ -1 +1 @@\n-a\n+b\n"
    assert strip_level(plain.format("a/x", "b/x")) == 1
    assert strip_level(plain.format("a/x", "a/x")) == 1
    assert strip_level(plain.format("x", "x")) == 0
    assert strip_level(plain.format("x", "x") + plain.format("a/x", "b/x")) == 1
    assert strip_level("") == 1


def test_carriage_returns_of_the_content_are_kept() -> None:
    patch = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n--- a\r\n+++ b\r\n"
    assert newline_forms(patch) == (patch,)
    everywhere = patch.replace("\r", "").replace("\n", "\r\n")
    assert newline_forms(everywhere) == (patch.replace("\r", ""), patch)


@given(
    st.lists(
        st.sampled_from([*GIT.split("\n"), "\r", "@@ -9,9 +9,9 @@", "z\ud800", '--- "a/\\x', "+++ b/", "\\"])
    )
)
def test_no_order_of_lines_breaks_the_reading(lines: list[str]) -> None:
    patch = "\n".join(lines)
    assert all(touched(patch))
    assert changed_tokens(patch).total() >= 0
    assert strip_level(patch) in (0, 1)
    assert all("\x00" not in form for form in newline_forms(patch))


@pytest.mark.parametrize(
    "patch",
    [
        "diff --git " + " " * 500_000,
        'diff --git "' + "\\" * 500_000,
        "@@ -" + "1" * 500_000,
        "diff --git a/x b/x\n" * 50_000,
        "--- a\n" * 100_000,
        "--- a/x\n+++ b/x\n@@ -1,999999999 +1,999999999 @@\n" + "+x\n" * 100_000,
    ],
)
def test_large_hostile_patches_are_read_to_their_end(patch: str) -> None:
    assert len(touched(patch)) <= 1
    assert set(changed_tokens(patch)) <= {"+x"}


def test_tokens_are_those_of_changed_lines_with_their_direction() -> None:
    tokens = changed_tokens(
        "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n kept\n-if a_1 == 10.5:\n+if a_1 != ü(): # ü\n"
    )
    assert tokens == {
        **dict.fromkeys(
            ["-if", "-a_1", "-==", "-10.5", "-:", "+if", "+a_1", "+!=", "+(", "+)", "+:", "+#"], 1
        ),
        "+ü": 2,
    }


def test_binary_content_counts_as_one_token() -> None:
    (token,) = changed_tokens(
        "diff --git a/x b/x\nGIT binary patch\nliteral 1\nIc${Zu\n\nliteral 0\nHcmV\n\n"
    )
    assert token.startswith("binary ")
    assert changed_tokens("diff --git a/x b/x\nGIT binary patch\nliteral 1\nother\n\n") != {token: 1}


def test_overlap_is_the_jaccard_index_of_multisets() -> None:
    head = "--- a/x\n+++ b/x\n@@ -1,9 +1,9 @@\n"
    one, two = changed_tokens(head + "+a b b\n"), changed_tokens(head + "+b c\n")
    assert overlap(one, two) == overlap(two, one) == 0.25
    assert overlap(one, one) == 1.0
    assert overlap(one, changed_tokens(head + "-a b b\n")) == 0.0
    assert overlap(changed_tokens(""), changed_tokens("")) == 1.0


def test_tokens_of_tests_do_not_count_beside_others() -> None:
    one = "--- a/{0}\n+++ b/{0}\n@@ -1 +1 @@\n-a\n+b\n"
    product, test = one.format("pkg/x.py"), one.format("tests/test_x.py").replace("b\n", "c\n")
    binary = "diff --git a/tests/x b/tests/x\nGIT binary patch\nliteral 1\nIc${Zu\n\n"
    assert changed_tokens(test + product + binary) == changed_tokens(product) == {"-a": 1, "+b": 1}
    assert changed_tokens(test) == {"-a": 1, "+c": 1}
    assert changed_tokens(test.replace("a/tests", "tests").replace("b/tests", "tests")) == {"-a": 1, "+c": 1}
    moved = "diff --git a/x.py b/test_x.py\nrename from x.py\nrename to test_x.py\n"
    assert changed_tokens(product + moved + "@@ -1 +1 @@\n-a\n+c\n") == {"-a": 2, "+b": 1, "+c": 1}
    assert changed_tokens("@@ -1 +1 @@\n-a\n+b\n") == {"-a": 1, "+b": 1}
