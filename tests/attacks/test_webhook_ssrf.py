"""A webhook that is turned inwards: addresses that are not public, names that change their mind, redirects."""

from __future__ import annotations

import http.server
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from wellkept.spine.webhooks.address import refusal
from wellkept.spine.webhooks.send import MOST_ANSWER_BYTES, Transport, _Pinned
from wellkept.spine.webhooks.settings import WebhookSettings

INSIDE = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "224.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "192.0.2.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b:1:a9fe:a9:fe00::",
    "fec0::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert refusal(ipaddress.ip_address(address), [])
    answer = Transport([], lambda host, port: [address]).post("https://innocent.example/", b"{}", {}, 1.0)

    assert answer.status == 0
    assert "webhooks.networks" in answer.said


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_only_public_addresses_pass_where_nothing_is_named(address: Any) -> None:
    if not refusal(address, []):
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(network="169.254.0.0/16"))
def test_the_metadata_of_a_cloud_are_not_opened_by_a_wide_network(address: Any) -> None:
    wide = [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("128.0.0.0/1")]

    assert refusal(address, wide)
    assert not refusal(address, [ipaddress.ip_network("169.254.0.0/16")])


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:7f00:1]", "localhost", "0"]
)
def test_other_spellings_of_this_machine_are_seen_through(host: str) -> None:
    answer = Transport([]).post(f"https://{host}/", b"{}", {}, 1.0)

    assert answer.status == 0
    assert "not public" in answer.said or "no address" in answer.said, answer.said


def test_one_bad_address_among_good_ones_is_enough_to_refuse() -> None:
    answer = Transport([], lambda host, port: ["93.184.215.14", "169.254.169.254"]).post(
        "https://x.example/", b"", {}, 1.0
    )

    assert "169.254.169.254" in answer.said


@pytest.mark.parametrize(
    "url",
    ["ftp://x.example/", "file:///etc/passwd", "gopher://x.example/", "https://user:pw@x.example/", "https:///x",
     "//x.example", "https://x.example/#a", "https://x.example:99999/", "https://x y.example/", "javascript:alert(1)",
     "http://x.example/"],
)  # fmt: skip
def test_a_url_that_could_mean_something_else_is_no_endpoint(url: str) -> None:
    with pytest.raises(ValidationError):
        WebhookSettings.model_validate({"send": [{"name": "x", "url": url, "secret_env": "X"}]})


class Server:
    """A server of this machine that answers as a test says, and counts."""

    def __init__(self, answer: Callable[[Any], None]) -> None:
        self.asked = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked += 1
                answer(self)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


Serving = Callable[[Callable[[Any], None]], Server]


@pytest.fixture
def serving() -> Iterator[Serving]:
    made: list[Server] = []

    def serve(answer: Callable[[Any], None]) -> Server:
        made.append(Server(answer))
        return made[-1]

    yield serve
    for server in made:
        server.close()


def fine(handler: Any) -> None:
    handler.send_response(204)
    handler.end_headers()


LOCAL = ["127.0.0.0/8"]


def test_a_name_is_asked_once_and_the_connection_goes_to_what_was_checked(serving: Serving) -> None:
    """DNS rebinding: the first answer is checked, and a second one, of another address, would be connected to."""
    server, asked = serving(fine), [["127.0.0.1"], ["169.254.169.254"]]

    answer = Transport(LOCAL, lambda host, port: asked.pop(0)).post(
        f"http://rebinding.example:{server.port}/", b"{}", {}, 5
    )

    assert answer.status == 204
    assert len(asked) == 1, "nobody asked again"
    assert server.asked == 1


def test_a_redirect_leads_nowhere(serving: Serving) -> None:
    inner = serving(fine)

    def moved(handler: Any) -> None:
        handler.send_response(307)
        handler.send_header("Location", f"http://127.0.0.1:{inner.port}/secret")
        handler.end_headers()

    outer = serving(moved)
    answer = Transport(LOCAL).post(f"http://127.0.0.1:{outer.port}/", b"{}", {}, 5.0)

    assert (answer.status, answer.is_success) == (307, False)
    assert "redirects are not followed" in answer.said
    assert inner.asked == 0


def test_no_proxy_of_the_environment_sees_it(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, server = serving(fine), serving(fine)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

    assert Transport(LOCAL).post(f"http://127.0.0.1:{server.port}/", b"{}", {}, 5.0).status == 204
    assert proxy.asked == 0


def test_an_answer_that_drips_is_cut(serving: Serving) -> None:
    def drip(handler: Any) -> None:
        for _ in range(100):
            try:
                handler.wfile.write(b"H")
                handler.wfile.flush()
            except OSError:
                return
            time.sleep(0.02)

    began = time.monotonic()
    answer = Transport(LOCAL).post(f"http://127.0.0.1:{serving(drip).port}/", b"{}", {}, 0.3)

    assert answer.status == 0
    assert answer.said == "no whole answer within 0.3 s"
    assert time.monotonic() - began < 10


def test_a_cut_that_comes_while_tls_is_agreed_on_is_not_lost(serving: Serving) -> None:
    class Slow:
        """Takes the socket over, as TLS does, and is done only after the time is up."""

        def wrap_socket(self, plain: socket.socket, server_hostname: str) -> socket.socket:
            assert server_hostname == "a.example"
            taken = socket.socket(fileno=plain.detach())
            connection.cut()
            return taken

    port, trust = serving(fine).port, cast("ssl.SSLContext", Slow())
    connection = _Pinned("a.example", port, ["127.0.0.1"], trust, 5.0)

    with pytest.raises(OSError, match="the time is up"):
        connection.request("POST", "/")
    connection.close()


def test_of_an_endless_answer_little_is_read_and_nothing_kept(serving: Serving) -> None:
    sent = 0

    def endless(handler: Any) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        for _ in range(1000):
            try:
                sent += handler.wfile.write(b"secret of a neighbour " * 5000)
            except OSError:
                return

    answer = Transport(LOCAL).post(f"http://127.0.0.1:{serving(endless).port}/", b"{}", {}, 10.0)

    assert (answer.status, answer.said) == (200, "answered 200")
    assert sent < 100 * MOST_ANSWER_BYTES


def test_whoever_cannot_prove_its_name_gets_nothing(tmp_path: Path) -> None:
    """A certificate that nobody of this machine's authorities signed: no body, no signature leaves."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = Path(__file__).parent.parent / "ops/ingest/scrape/exporter.pem"
    context.load_cert_chain(certificate)
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            plain, _ = listener.accept()
            try:
                with context.wrap_socket(plain, server_side=True) as secure:
                    got.append(secure.recv(10_000))
            except OSError:
                plain.close()

        thread = threading.Thread(target=serve)
        thread.start()
        answer = Transport(LOCAL).post(f"https://localhost:{port}/", b"{}", {"webhook-signature": "v1,x"}, 5.0)
        thread.join(10)

    assert answer.status == 0
    assert "certificate is not trusted" in answer.said
    assert not any(got)
    trusted = Transport(LOCAL).post("https://localhost:1/", b"{}", {}, 1.0, tmp_path / "missing.pem")
    assert trusted.status == 0, "a file of authorities that is missing trusts nobody"
