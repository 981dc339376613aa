"""What must never be posted."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.bot.secrets import Secrets

VALUE = "s3cr+t/v4lue-of-mine="
OWN = Secrets({"MODEL_API_KEY": VALUE, "HOME": "/home/somebody", "PATH": "/usr/bin:/bin", "SHORT_KEY": "abc"})

SHAPES = {
    "a private key": ["-----BEGIN OPENSSH PRIVATE KEY-----", "-----BEGIN PGP PRIVATE KEY BLOCK-----",
    "-----BEGIN PRIVATE KEY-----"],
    "a GitHub token": ["ghp_" + "a1" * 18, "ghs_" + "B2" * 18, "github_pat_" + "a_" * 41],
    "a GitLab token": ["glpat-" + "x" * 20],
    "an AWS key": ["AKIA" + "A2" * 8],
    "a Google key": ["AIza" + "x" * 35],
    "a Slack token": ["xoxb-1234567890-abc"],
    "a model's key": ["sk-ant-api03-" + "x" * 40, "sk-proj-" + "y" * 40],
    "a Hugging Face token": ["hf_" + "a" * 34],
    "an npm token": ["npm_" + "a" * 36],
    "a token of the JWT kind": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghijk"],
    "an address with a password": ["postgres://admin:hunter22@db.example.org/x"],
}  # fmt: skip


@pytest.mark.parametrize(("what", "text"), [(what, text) for what, texts in SHAPES.items() for text in texts])
def test_forms_of_keys(what: str, text: str) -> None:
    shown = f'config = "{text}"\n'
    assert OWN.found(shown) == (what,)
    assert text not in OWN.hidden(shown)


@pytest.mark.parametrize(
    "text",
    [
        "def test_key(): assert key == 'sk-test'", "https://user:$PASSWORD@host/x",
        "https://user:{password}@host",
        "https://example.org:8080/a@b", "git@github.com:a/b.git", "-----BEGIN CERTIFICATE-----",
        "AKIA is a prefix",
        "/home/somebody", "abc", "x = token_of(config)", "task-" + "x" * 40, "eyJhbGciOi",
    ],
)  # fmt: skip
def test_what_is_no_key(text: str) -> None:
    assert OWN.found(text) == ()
    assert OWN.hidden(text) == text


@pytest.mark.parametrize(
    "written",
    [
        VALUE,
        VALUE[::-1],
        VALUE.encode().hex(),
        quote(VALUE, safe=""),
        base64.b64encode(VALUE.encode()).decode(),
    ],
)
def test_own_keys_in_any_form(written: str) -> None:
    assert OWN.found(f"print({written!r})") == ("the value of MODEL_API_KEY",)
    assert written not in OWN.hidden(f"x{written}x")


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_own_keys_within_anything_encoded(before: bytes, after: bytes) -> None:
    whole = base64.b64encode(before + VALUE.encode() + after).decode()
    assert "the value of MODEL_API_KEY" in OWN.found(whole)
    assert OWN.found(OWN.hidden(whole)) == ()


def test_who_writes_commits_is_no_secret() -> None:
    own = Secrets(
        {"GIT_AUTHOR_NAME": "Ada Engine", "GIT_AUTHOR_EMAIL": "ada@example.org", "MY_AUTH": "a1b2c3d4e"}
    )
    assert own.found("by Ada Engine <ada@example.org>") == ()
    assert own.found("a1b2c3d4e") == ("the value of MY_AUTH",)
