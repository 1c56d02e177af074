"""Secrets are named by reference, never shown, and removed from every text."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from raytemplate import redact as redacting
from raytemplate.errors import Problem, SpecError, UsageError
from raytemplate.records import codec
from raytemplate.redact import RedactedStream, has_password, hide, redact
from raytemplate.secret import found_from, resolve, secrets_set_aside, text_or_reference
from raytemplate.testing.samples import sample_promotion


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redacting, "_hidden", set())


URLS = {
    "http://me:hunter2@host:5000/x": "http://me:***@host:5000/x",
    "postgresql+psycopg2://me:p@ss@db/ml": "postgresql+psycopg2://me:***@db/ml",
    "s3://bucket/key?token=abc&x=1": "s3://bucket/key?token=***&x=1",
    "https://h/a?X-Amz=1&sig=abc%3D": "https://h/a?X-Amz=1&sig=***",
    '{"at": "http://h:1", "who": "a@b"}': '{"at": "http://h:1", "who": "a@b"}',
    "models:/flights@champion http://me@host": "models:/flights@champion http://me@host",
}


@pytest.mark.parametrize(("text", "shown"), URLS.items(), ids=URLS)
def test_a_password_in_a_url_is_never_shown(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert has_password(text) == (text != shown)


def test_a_secret_that_was_looked_up_is_known_whole_in_part_and_as_json_writes_it() -> None:
    hide('mysql://me:s%40cret"1@host/db')
    for text in ('s@cret"1', 's%40cret"1', json.dumps('mysql://me:s%40cret"1@host/db')[1:-1]):
        assert "cret" not in redact(f"failed with {text}!")


def test_the_values_of_well_known_variables_are_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "canary-token")
    assert redact("Bearer canary-token") == "Bearer ***"


def test_no_error_and_no_record_holds_a_secret() -> None:
    hide("canary-secret")
    error = UsageError("it said canary-secret", next_step="curl -u canary-secret")
    assert (str(error), error.what, error.next_step) == ("it said ***", "it said ***", "curl -u ***")
    problem = Problem(where="a.yaml:1", path="x", message="got canary-secret")
    assert SpecError((problem,)).problems[0].message == "got ***"
    told = codec.dumps(sample_promotion(warning="canary-secret"))
    assert b"canary" not in told and b'"warning": "***"' in told


def test_a_stream_writes_nothing_unredacted() -> None:
    hide("canary-secret")
    beneath = io.StringIO()
    print("a canary-secret", "canary-secret", file=RedactedStream(beneath))
    assert beneath.getvalue() == "a *** ***\n"


def test_a_reference_is_one_text_and_finds_its_secret(tmp_path: Path) -> None:
    (tmp_path / "uri").write_text("http://me:from-a-file@host\n")
    by_env = str(text_or_reference({"env": "TRACK"}))
    by_file = found_from(str(text_or_reference({"file": "uri"})), tmp_path)
    assert resolve(by_env, "tracking.uri", {"TRACK": "http://me:canary@host"}) == "http://me:canary@host"
    assert resolve(by_file, "tracking.uri", {}) == "http://me:from-a-file@host"
    assert resolve("sqlite:///x.db", "tracking.uri", {}) == "sqlite:///x.db"
    assert redact("canary from-a-file") == "*** ***"


@pytest.mark.parametrize(
    "value", [{"env": "A", "file": "b"}, {"value": "canary"}, {"env": ""}, {"env": 3}, {}, 7, "secret:env:A"], ids=str
)
def test_what_is_neither_text_nor_reference_is_refused_without_showing_it(value: object) -> None:
    with pytest.raises(ValueError) as refused:
        text_or_reference(value)
    assert str(refused.value) == "expected a text, {env: NAME} or {file: PATH}"


def test_a_secret_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    refused = []
    for text, environ in (
        ("secret:env:TRACK", {}), ("secret:env:TRACK", {"TRACK": "ab"}), (f"secret:file:{tmp_path}/no", {}),
    ):  # fmt: skip
        with pytest.raises(UsageError) as caught:
            resolve(text, "tracking.uri", environ)
        refused.append(caught.value.what)
    assert refused == [
        "tracking.uri: the environment variable TRACK is not set; the template refers to it",
        "tracking.uri: the secret has fewer than 6 characters, too few to keep it out of logs",
        f"tracking.uri: {tmp_path}/no: cannot be read: No such file or directory",
    ]


def test_secrets_are_set_aside_and_come_back() -> None:
    secret = {"AWS_SECRET_ACCESS_KEY": "canary-1", "MY_TRACK": "canary-2", "hf_token": "canary-3", "PGPASSWORD": "x"}
    plain = {"PATH": "/bin", "RAY_AUTH_TOKEN": "canary-5", "XDG_CONFIG_HOME": "/home/me/.config"}
    environ = {**secret, **plain}
    assert resolve("secret:env:MY_TRACK", "tracking.uri", environ) == "canary-2"
    with secrets_set_aside(environ):
        assert environ == plain and redact("canary-1 canary-2") == "*** ***"
    assert environ == {**secret, **plain}
