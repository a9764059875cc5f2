"""The small connection: kept, made anew where it must be, and honest about addresses."""

from __future__ import annotations

import pytest
from tests.sdk.servers import Server, Told, serving

from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.sdk.connection import Connection


@pytest.mark.parametrize(
    "url", ["", "localhost:7460", "ftp://a", "http://", "http://a:port", "http://a:99999", "http://[a"]
)
def test_an_address_that_is_none_is_refused_by_name(url: str) -> None:
    with pytest.raises(InputError, match=r"^url: .*, got "):
        Connection(url, "secret", 1)


def test_a_prefix_of_the_address_is_kept(server: Server) -> None:
    connection = Connection(f"{server.url}/wellkept/", "secret", 20)
    answer = connection.request("GET", "/readyz")
    connection.close()

    assert (answer.status, answer.is_success, answer.body) == (200, True, b"{}")
    assert server.asked[0].path == "/wellkept/readyz"


def test_an_error_is_an_answer(server: Server) -> None:
    server.answer = lambda _: Told(404, b"no", {"X-Why": "because"})
    connection = Connection(server.url, "secret", 20)
    answer = connection.request("POST", "/x", b"body", {"Content-Type": "text/plain"})
    connection.close()

    assert (answer.status, answer.is_success, answer.headers["X-Why"]) == (404, False, "because")
    assert (server.asked[0].body, server.asked[0].headers["Content-Type"]) == (b"body", "text/plain")


def test_a_request_that_breaks_off_is_not_sent_again_behind_the_callers_back(server: Server) -> None:
    def breaking(_: object) -> Told:
        return Told(headers={"Content-Length": "100"}, closes=True)

    server.answer = breaking
    connection = Connection(server.url, "secret", 20)

    with pytest.raises(WellkeptError, match=r"does not answer \(IncompleteRead\)"):
        connection.request("POST", "/x")

    server.answer = lambda _: Told()
    assert connection.request("POST", "/x").is_success
    assert len(server.asked) == 2
    connection.close()


def test_a_server_that_came_back_is_found_again() -> None:
    with serving() as first:
        connection = Connection(first.url, "secret", 20)
        assert connection.request("GET", "/").is_success
        port = first.port
    with serving(port):
        assert connection.request("GET", "/").is_success
    connection.close()
    with pytest.raises(WellkeptError, match=r"does not answer \(ConnectionRefusedError\)"):
        connection.request("GET", "/")
    connection.close()
