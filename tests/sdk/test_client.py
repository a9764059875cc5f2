"""The client: what the server raised is what the caller gets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kernel.test_errors import ONE_OF_EACH
from tests.sdk.servers import Server, Told, told

import wellkept
from wellkept.api.errors import refused
from wellkept.kernel.errors import (
    ActionError,
    DocumentError,
    ForbiddenError,
    InputError,
    NotFoundError,
    OverloadError,
    TrainingError,
    WellkeptError,
)
from wellkept.sdk.client import Client


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    made = Client(server.url, "secret", 20)
    yield made
    made.close()


def test_it_is_at_hand_and_closes_behind_itself(server: Server) -> None:
    server.answer = lambda _: Told(200, b"[]", {})

    with wellkept.Client(server.url, "secret") as client:
        assert client.get("/api/v1/plans") == []

    with pytest.raises(RuntimeError, match="closed"):
        client.get("/api/v1/plans")


def raised(server: Server, client: Client, error: WellkeptError) -> WellkeptError:
    """What the client raises when the server raised an error."""
    answer = refused(error)
    server.answer = lambda _: Told(answer.status_code, bytes(answer.body), dict(answer.headers))
    with pytest.raises(WellkeptError) as found:
        client.get("/api/v1/plans")
    return found.value


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
def test_every_error_comes_back_as_itself(server: Server, client: Client, error: WellkeptError) -> None:
    found = raised(server, client, error)

    assert type(found) is type(error)
    assert str(found) == str(error)
    assert found.exit_code == error.exit_code


def test_the_parts_of_an_error_come_back(server: Server, client: Client) -> None:
    by_class = {type(error): raised(server, client, error) for error in ONE_OF_EACH}

    found, document = by_class[InputError], by_class[DocumentError]
    assert isinstance(found, InputError)
    assert (found.thing, found.rule, found.value) == ("risk", "must be low, medium or high", "huge")
    assert isinstance(document, DocumentError)
    assert document.problems == ONE_OF_EACH[2].problems  # type: ignore[attr-defined]
    overload, action, training = by_class[OverloadError], by_class[ActionError], by_class[TrainingError]
    assert isinstance(overload, OverloadError)
    assert overload.retry_after_s == 7
    assert isinstance(action, ActionError)
    assert action.retry_helps
    assert isinstance(training, TrainingError)
    assert training.output == "Traceback ..."


def test_the_words_of_a_value_come_back_although_json_knows_no_tuples(server: Server, client: Client) -> None:
    error = InputError("window", "must begin before it ends", (2, 1))

    assert str(raised(server, client, error)) == "window: must begin before it ends, got (2, 1)"


STRANGE = [
    (Told(502, b"<html>bad gateway</html>"), WellkeptError, "GET /api/v1/plans: status 502"),
    (Told(500, b""), WellkeptError, "GET /api/v1/plans: status 500"),
    (Told(500, b'{"error": "a word"}'), WellkeptError, "a word"),
    (Told(500, b"[]"), WellkeptError, "GET /api/v1/plans: status 500"),
    (told(418, {"error": {"type": "TeapotError", "message": "short and stout"}}), WellkeptError, "short and stout"),
    (told(422, {"error": {"type": "InputError", "message": "a newer form"}}), WellkeptError, "a newer form"),
    (Told(401, b""), ForbiddenError, "GET /api/v1/plans: status 401"),
    (told(401, {"error": {"type": "ForbiddenError", "message": "no token"}}), ForbiddenError, "no token"),
    (Told(429, b"", {"Retry-After": "12"}), OverloadError, "GET /api/v1/plans: status 429"),
    (Told(302, b"", {"Location": "/login"}), WellkeptError, "GET /api/v1/plans: status 302"),
]


@pytest.mark.parametrize(("answer", "kind", "message"), STRANGE, ids=lambda value: str(value)[:30])
def test_an_answer_in_another_form_is_an_error_all_the_same(
    server: Server, client: Client, answer: Told, kind: type[WellkeptError], message: str
) -> None:
    server.answer = lambda _: answer

    with pytest.raises(WellkeptError) as found:
        client.get("/api/v1/plans")

    assert type(found.value) is kind
    assert str(found.value) == message


@pytest.mark.parametrize(("value", "expected"), [("12", 12), ("Wed, 21 Oct 2026 07:28:00 GMT", 1), ("", 1), ("-3", 1)])
def test_the_time_to_wait_is_seconds_or_the_default(server: Server, client: Client, value: str, expected: int) -> None:
    server.answer = lambda _: Told(503, b"", {"Retry-After": value})

    with pytest.raises(OverloadError) as found:
        client.get("/api/v1/plans")

    assert found.value.retry_after_s == expected


def test_a_server_that_is_not_ours_is_told_apart(server: Server, client: Client) -> None:
    server.answer = lambda _: Told(200, b"<html>hello</html>")

    with pytest.raises(WellkeptError, match="does not answer in JSON; is it Wellkept"):
        client.get("/api/v1/plans")


def test_a_server_that_is_away_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    client = Client(url, "secret", 5)

    with pytest.raises(WellkeptError, match=rf"^the server at {url} does not answer \(ConnectError\); start it with"):
        client.post("/api/v1/plans", {})
    with pytest.raises(WellkeptError, match=r"was not ready within 0\.1 s"):
        client.wait_ready(0.1)
    client.close()


def test_what_is_asked_travels(server: Server, client: Client) -> None:
    server.answer = lambda _: Told(200, b'{"plans": []}')

    assert client.get("/api/v1/plans", state="waiting", subject=None, limit=5) == {"plans": []}
    client.post("/api/v1/plans/pln-1/approve", {"by": "ann"})

    got, posted = server.asked
    assert (got.method, got.path) == ("GET", "/api/v1/plans?state=waiting&limit=5")
    assert got.headers["authorization" if "authorization" in got.headers else "Authorization"] == "Bearer secret"
    assert (posted.method, posted.body) == ("POST", b'{"by":"ann"}')


def test_bytes_come_as_they_are(server: Server, client: Client) -> None:
    server.answer = lambda _: Told(200, b"\x00\xff")

    assert client.raw("/api/v1/artifacts/a") == b"\x00\xff"


def test_the_server_of_a_data_folder_is_found(server: Server, tmp_path: Path) -> None:
    (tmp_path / "address").write_text(server.url + "\n", encoding="ascii")
    (tmp_path / "token").write_text("secret\n", encoding="ascii")

    client = Client.from_environment(tmp_path)
    client.wait_ready(20)
    client.close()

    assert client.url == server.url


def test_a_folder_in_which_no_server_was_ever_started_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        NotFoundError, match=rf"^server on {tmp_path}: has never been started; run `wellkept up`, or say where"
    ):
        Client.from_environment(tmp_path)


def test_the_environment_names_a_server(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setenv("WELLKEPT_URL", server.url)
    monkeypatch.setenv("WELLKEPT_TOKEN", "secret")

    client = Client.from_environment()
    client.close()

    assert client.url == server.url


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"])
def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a proxy is named, no command would reach the server beside it."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    assert Client(url, "t")._http.trust_env is False
    assert Client("http://wellkept.example:7460", "t")._http.trust_env is True
