"""The scraper over real sockets: odd answers, slow targets, a store that is full, targets that come and go."""

from __future__ import annotations

import contextlib
import gc
import gzip
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.ops.ingest.scrape.exporter import CERTIFICATE, OPENMETRICS, TEXT, Exporter, Page, exporting
from tests.ops.ingest.scrape.requests import Row, one, rows

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import InputError, OverloadError, StoreError, WellkeptError
from wellkept.ops.ingest.scrape.files import TargetFiles
from wellkept.ops.ingest.scrape.job import Job
from wellkept.ops.ingest.scrape.memory import REPORTS
from wellkept.ops.ingest.scrape.scraper import Scraper
from wellkept.store.telemetry.receipt import ALL, Receipt

PATIENCE_S = 20.0
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
MIB = 1 << 20


class Shelf:
    """Ingest, as far as the scraper needs it; it refuses as long as it is told to."""

    def __init__(self) -> None:
        self.bodies: queue.Queue[bytes] = queue.Queue()
        self.refusal: WellkeptError | None = None
        self.receipt: Receipt = ALL
        self.refused = 0

    def submit(self, body: bytes) -> Future[Receipt]:
        if self.refusal is not None:
            self.refused += 1
            if isinstance(self.refusal, OverloadError):
                raise self.refusal
        future: Future[Receipt] = Future()
        if self.refusal is not None:
            future.set_exception(self.refusal)
        else:
            self.bodies.put(body)
            future.set_result(self.receipt)
        return future

    def next(self) -> bytes:
        return self.bodies.get(timeout=PATIENCE_S)

    def until(self, holds: Callable[[bytes], object]) -> bytes:
        """The first request for which it holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds(body := self.next()):
            assert time.monotonic() < deadline, "it never held"
        return body


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def collector_off() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    with exporting() as made:
        yield made


@contextlib.contextmanager
def scraping(shelf: Shelf, *jobs: dict[str, Any]) -> Iterator[Scraper]:
    wanted = [Job.model_validate({"job": "shop", "every_s": 0.1, **job}) for job in jobs]
    # A machine with much to do answers late: unless a test says so, there is more time than an interval.
    wanted = [job if job.timeout_s else job.model_copy(update={"timeout_s": PATIENCE_S}) for job in wanted]
    scraper = Scraper(wanted, shelf, SettableClock(NOW), look_every_s=0.02)
    scraper.start()
    try:
        yield scraper
    finally:
        scraper.close()


def is_up(body: bytes) -> bool:
    return one(body, "up").value == 1


def is_down(body: bytes) -> bool:
    return not is_up(body)


def has(name: str) -> Callable[[bytes], bool]:
    return lambda body: any(row.name == name and not row.is_stale for row in rows(body))


def of_page(body: bytes) -> list[Row]:
    return [row for row in rows(body) if row.name not in REPORTS]


def until(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.01)


def first(scraper: Scraper) -> dict[str, Any]:
    """How it has gone with the first target."""
    until(lambda: scraper.status()["targets"])
    told: dict[str, Any] = scraper.status()["targets"][0]
    return told


def test_a_target_is_asked_as_prometheus_asks(shelf: Shelf, exporter: Exporter) -> None:
    exporter.says("# TYPE a gauge\na 1\n")
    with scraping(
        shelf, {"targets": [exporter.place], "every_s": 0.5, "timeout_s": 0.5, "path": "/m", "params": {"x": ["1 2"]}}
    ):
        body = shelf.until(is_up)

    path, headers = exporter.asked[0]
    assert path == "/m?x=1+2"
    assert headers["Accept"].startswith("application/openmetrics-text;version=1.0.0")
    assert headers["Accept-Encoding"] == "gzip"
    assert headers["X-Prometheus-Scrape-Timeout-Seconds"] == "0.5"
    assert headers["User-Agent"].startswith("wellkept/")
    assert "Authorization" not in headers
    row = one(body, "a")
    assert row.labels == {"__name__": "a", "job": "shop", "instance": exporter.place}
    assert abs(row.at - NOW.timestamp() * 1000) <= 2


def test_one_connection_serves_every_scrape(shelf: Shelf, exporter: Exporter) -> None:
    exporter.says("a 1\n")
    with scraping(shelf, {"targets": [exporter.place]}):
        assert all(is_up(shelf.next()) for _ in range(5))
    assert exporter.connections == 1


GZIPPED = {"Content-Type": TEXT, "Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    "page",
    [
        Page(b"a 1\n"),
        Page(b"a 1"),
        Page(gzip.compress(b"a 1\n"), headers=GZIPPED),
        Page(gzip.compress(b"# TYPE b gauge\n") + gzip.compress(b"a 1\n"), headers=GZIPPED),
        Page(b"a 1\n# EOF\n", headers={"Content-Type": OPENMETRICS}),
        Page(b"a 1\n", headers={}),
        Page(b"a 1\n", headers={"Content-Type": "application/vnd.google.protobuf"}),
        Page(b"a 1\n# EOF\n", headers={"Content-Type": "text/html"}),
        Page(b"a 1\n", headers={"Content-Encoding": "identity"}),
    ],
    ids=[
        "text",
        "no-last-line-end",
        "gzip",
        "two-gzip-members",
        "openmetrics",
        "no-type",
        "unknown-type",
        "html",
        "identity",
    ],
)
def test_answers_that_are_read(page: Page, shelf: Shelf, exporter: Exporter) -> None:
    exporter.page = page
    with scraping(shelf, {"targets": [exporter.place]}) as scraper:
        assert [row.value for row in of_page(shelf.until(is_up))] == [1]
        told = first(scraper)
    assert (told["health"], told["last_error"], told["last_samples"]) == ("up", "", 1)


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (Page(b"a 1\n", headers={"Content-Type": OPENMETRICS}), "must end with # EOF: this one is cut off"),
        (Page(b"a 1\n", status=500), "answered 500 Internal Server Error"),
        (Page(b"a 1\n", status=204), "answered 204 No Content"),
        (Page(b"", status=302, headers={"Location": "/other"}), "answered 302 Found, and redirects are not followed"),
        (Page(b"a 1\n", headers={"Content-Encoding": "br"}), "encoding 'br', which was not asked for"),
        (Page(b"a 1\n", headers={"Content-Encoding": "gzip"}), "is not valid gzip"),
        (Page(gzip.compress(b"a 1\n")[:-9], headers=GZIPPED), "cut off: its gzip content has no end"),
        (Page(gzip.compress(b"#" * (3 * MIB)), headers=GZIPPED), "must be at most 1048576 bytes after decompression"),
        (Page(b"#" * (MIB + 1)), "the page is over 1048576 bytes; body_mib is 1"),
        (Page(b'a{b="\xff"} 1\n'), "the page is not UTF-8: byte 5"),
        (Page(b"a 1\nb one\n"), "a value is no number: 'one'"),
        (Page(b"a 1\r\n"), r"a line is no sample: 'a 1\r'"),
        (Page(b"<html></html>", headers={"Content-Type": "text/html"}), "a line is no sample: '<html></html>'"),
        (Page(b"a 1\nb 1\nc 1\n"), "the page has 3 samples; sample_limit is 2"),
        (Page(b"a 1\nb 1\n", length=1000), "RemoteProtocolError: peer closed connection"),
    ],
    ids=["no-eof", "500", "204", "redirect", "other-encoding", "no-gzip", "cut-gzip", "bomb", "too-long", "no-utf-8",
         "no-value", "carriage-return", "html", "too-many", "cut-off"],
)  # fmt: skip
def test_answers_that_are_a_failed_scrape(page: Page, why: str, shelf: Shelf, exporter: Exporter) -> None:
    exporter.says("before 1\n")
    with scraping(shelf, {"targets": [exporter.place], "sample_limit": 2, "body_mib": 1}) as scraper:
        shelf.until(is_up)
        exporter.page = page
        down = shelf.until(is_down)
        told = first(scraper)

    assert [(row.name, row.is_stale) for row in of_page(down)] == [("before", True)]
    assert told["health"] == "down"
    assert why in told["last_error"]
    assert all(path == "/metrics" for path, _ in exporter.asked)


def test_a_target_that_is_not_there_is_down_and_says_why(shelf: Shelf) -> None:
    with exporting() as gone:
        place = gone.place
    with scraping(shelf, {"targets": [place]}) as scraper:
        assert is_down(shelf.next())
        assert first(scraper)["last_error"] == "ConnectError: Connection refused"


def test_a_slow_target_is_down_and_the_others_do_not_wait_for_it(shelf: Shelf, exporter: Exporter) -> None:
    slow = threading.Event()
    exporter.page = Page(b"a 1\n", waits=slow)
    with exporting() as quick:
        quick.says("b 1\n")
        jobs = ({"job": "slow", "targets": [exporter.place], "every_s": 1, "timeout_s": 1}, {"targets": [quick.place]})
        with scraping(shelf, *jobs) as scraper:
            until(lambda: exporter.asked)
            for _ in range(3):
                assert one(shelf.next(), "up").labels["job"] == "shop"
            body = shelf.until(is_down)
            status = {told["job"]: told for told in scraper.status()["targets"]}
        slow.set()

    assert one(body, "up").labels["job"] == "slow"
    assert status["slow"]["last_error"] == "no whole answer within 1 s"
    assert status["slow"]["last_duration_s"] >= 1


def test_a_password_or_a_token_is_read_for_every_scrape(shelf: Shelf, exporter: Exporter, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    basic = {"job": "basic", "basic_auth": {"username": "me", "password_file": str(secret)}}
    bearer = {"job": "bearer", "bearer_token_file": str(secret)}
    with scraping(shelf, *({**job, "targets": [exporter.place]} for job in (basic, bearer))) as scraper:
        shelf.until(is_down)
        assert {told["last_error"] for told in scraper.status()["targets"]} <= {
            "", f"{secret} cannot be read: No such file or directory"
        }  # fmt: skip
        secret.write_text("two\nlines\n", encoding="utf-8")
        until(lambda: all("must hold one line" in told["last_error"] for told in scraper.status()["targets"]))
        assert exporter.asked == []
        secret.write_text("sesame\n", encoding="utf-8")
        until(lambda: len({headers["Authorization"] for _, headers in exporter.asked}) == 2)
        assert "sesame" not in str(scraper.status())
        secret.write_text("sésame\n", encoding="utf-8")
        until(lambda: any("of ASCII characters" in told["last_error"] for told in scraper.status()["targets"]))

    proofs = {headers["Authorization"] for _, headers in exporter.asked}
    assert proofs - {"Basic bWU6c8Opc2FtZQ=="} == {"Bearer sesame", "Basic bWU6c2VzYW1l"}


def test_a_certificate_is_checked_unless_the_job_says_otherwise(shelf: Shelf) -> None:
    with exporting(is_secure=True) as secure:
        secure.says("a 1\n")
        common = {"targets": [secure.place], "scheme": "https"}
        jobs: list[dict[str, Any]] = [
            {**common, "job": "strict"},
            {**common, "job": "known", "tls": {"ca_file": str(CERTIFICATE)}},
            {**common, "job": "lax", "tls": {"verify": False}},
        ]
        with scraping(shelf, *jobs) as scraper:
            until(lambda: sum(told["scrapes"] > 0 for told in scraper.status()["targets"]) == len(jobs))
            health = {told["job"]: (told["health"], told["last_error"]) for told in scraper.status()["targets"]}

    assert health["known"] == health["lax"] == ("up", "")
    assert health["strict"] == ("down", "the certificate is not trusted: self-signed certificate")


@pytest.mark.parametrize("is_given_up", [False, True], ids=["too slow", "stopped"])
def test_a_connection_that_is_never_made_secure_is_closed_at_once(
    shelf: Shelf, is_given_up: bool, collector_off: None
) -> None:
    """Not when a collector of rubbish comes by: a target that hangs would hold one more with every scrape."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        every_s, place = 5.0 if is_given_up else 0.4, f"127.0.0.1:{silent.getsockname()[1]}"
        with contextlib.ExitStack() as left:
            with scraping(
                shelf, {"targets": [place], "scheme": "https", "every_s": every_s, "timeout_s": every_s}
            ) as scraper:
                opened = left.enter_context(silent.accept()[0])
                opened.settimeout(PATIENCE_S)
                assert opened.recv(MIB).startswith(b"\x16\x03")
                if not is_given_up:
                    assert opened.recv(MIB) == b""
                    until(lambda: "no whole answer" in scraper.status()["targets"][0]["last_error"])
            assert opened.recv(MIB) == b""


def test_a_file_of_certificates_that_is_none_is_named_before_anything_is_scraped(shelf: Shelf, tmp_path: Path) -> None:
    job = Job.model_validate({"job": "a", "targets": ["a:1"], "tls": {"ca_file": str(tmp_path / "nothing")}})

    with pytest.raises(InputError, match=r"ingest\.scrape tls: cannot be used: No such file.*nothing"):
        Scraper([job], shelf, SettableClock(NOW))


@pytest.mark.parametrize("refusal", [OverloadError("full", 0), StoreError("broken")], ids=["overload", "broken"])
def test_what_may_be_stored_later_is_tried_again(refusal: WellkeptError, shelf: Shelf, exporter: Exporter) -> None:
    exporter.says("a 1\n")
    shelf.refusal = refusal
    with scraping(shelf, {"targets": [exporter.place], "every_s": 5}) as scraper:
        until(lambda: shelf.refused)
        shelf.refusal = None
        assert has("a")(shelf.next())
        assert first(scraper)["rejected"] == 0
    assert len(exporter.asked) == 1


@pytest.mark.parametrize("refusal", [OverloadError("full", 5), InputError("body", "is bad")], ids=["overload", "bad"])
def test_what_cannot_be_stored_is_counted_and_the_next_scrape_comes(
    refusal: WellkeptError, shelf: Shelf, exporter: Exporter
) -> None:
    exporter.says("a 1\nb 1\n")
    shelf.refusal = refusal
    with scraping(shelf, {"targets": [exporter.place]}) as scraper:
        until(lambda: first(scraper)["rejected"] >= 4)
        told = first(scraper)
    assert told["health"] == "up"
    assert told["last_error"] in ("", f"not stored: {refusal}")


def test_samples_that_the_store_leaves_out_are_counted(shelf: Shelf, exporter: Exporter) -> None:
    exporter.says("a 1\nb 1\n")
    shelf.receipt = Receipt(6, 1, "too many series")
    with scraping(shelf, {"targets": [exporter.place], "every_s": 1}) as scraper:
        until(lambda: first(scraper)["rejected"] == 1)
        assert first(scraper)["last_error"] == "not stored: too many series"


def test_targets_of_a_file_come_and_go(shelf: Shelf, exporter: Exporter, tmp_path: Path) -> None:
    exporter.says("a 1\n")
    file = tmp_path / "targets.yaml"
    with scraping(shelf, {"files": [str(file)]}) as scraper:
        until(lambda: scraper.status()["files"] == {str(file): "is not a file"})
        assert scraper.status()["targets"] == []
        file.write_text(f"- targets: ['{exporter.place}']\n  labels: {{env: test}}\n", encoding="utf-8")
        body = shelf.next()
        assert one(body, "a").labels["env"] == "test"
        file.unlink()
        over = shelf.until(lambda body: one(body, "up").is_stale)
        assert {row.name for row in rows(over) if row.is_stale} == {"a", *REPORTS}
        asked = len(exporter.asked)
        assert scraper.status()["targets"] == []
    assert len(exporter.asked) == asked
    assert shelf.bodies.empty()


def test_a_target_that_moves_keeps_its_series(shelf: Shelf, exporter: Exporter, tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"

    def write(place: str) -> None:
        file.with_suffix(".new").write_text(
            f"- targets: ['http://{place}/x']\n  labels: {{instance: one}}\n", encoding="utf-8"
        )
        file.with_suffix(".new").replace(file)

    with exporting() as other:
        exporter.says("a 1\nb 1\n")
        other.says("a 2\n")
        write(exporter.place)
        with scraping(shelf, {"files": [str(file)]}):
            assert has("b")(shelf.next())
            write(other.place)
            moved = shelf.until(lambda body: one(body, "a").value == 2)

    assert [row.name for row in rows(moved) if row.is_stale] == ["b"]


def test_closing_gives_up_what_is_under_way_and_marks_nothing(shelf: Shelf, exporter: Exporter) -> None:
    held = threading.Event()
    exporter.says("a 1\n")
    with scraping(shelf, {"targets": [exporter.place], "every_s": 30, "timeout_s": 30}) as scraper:
        until(lambda: scraper.status()["targets"])
        scraper.close()
    assert shelf.bodies.empty()
    with scraping(shelf, {"targets": [exporter.place]}) as scraper:
        shelf.next()
        exporter.page = Page(b"a 1\n", waits=held)
        asked = len(exporter.asked)
        until(lambda: len(exporter.asked) > asked)
    held.set()
    while not shelf.bodies.empty():
        assert not any(row.is_stale for row in rows(shelf.next()))


def test_no_proxy_of_the_environment_is_asked(
    shelf: Shelf, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exporting() as gone:
        nowhere = gone.place
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{nowhere}")
    exporter.says("a 1\n")
    with scraping(shelf, {"targets": [exporter.place]}):
        assert is_up(shelf.next())


def test_what_breaks_one_scrape_does_not_end_the_target(
    shelf: Shelf, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter.says("a 1\n")
    with scraping(shelf, {"targets": [exporter.place]}) as scraper:
        shelf.next()
        with monkeypatch.context() as broken:
            broken.setattr(shelf, "submit", None)
            until(lambda: "TypeError" in first(scraper)["last_error"])
        assert has("a")(shelf.next())


def test_what_breaks_a_look_at_files_does_not_end_their_targets(
    shelf: Shelf, exporter: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter.says("a 1\n")
    file = tmp_path / "targets.yaml"
    file.write_text(f"- targets: ['{exporter.place}']\n", encoding="utf-8")
    looked = threading.Event()

    def broken(files: TargetFiles) -> None:
        looked.set()
        raise ValueError(files)

    with scraping(shelf, {"files": [str(file)]}):
        shelf.next()
        with monkeypatch.context() as patch:
            patch.setattr(TargetFiles, "look", broken)
            assert looked.wait(PATIENCE_S)
        for _ in range(3):
            assert has("a")(shelf.next())
