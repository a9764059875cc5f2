"""What of a body is its message."""

from __future__ import annotations

import pytest

from wellkept.kernel.redact import redact
from wellkept.ops.detect.patterns.bodies import content, example
from wellkept.ops.detect.patterns.miner import Miner

HEADERS = [
    "2026-01-05 10:20:30.123 25746 INFO shop.api.server [req-7 - - -] ",
    "2026-01-05T10:20:30Z ERROR ",
    "260105 102030 143 INFO dfs.DataNode$PacketResponder: ",
    "26/01/05 10:20:30 INFO executor.Executor: ",
    "Jan  5 10:20:30 combo sshd(pam_unix)[19939]: ",
    "[Mon Jan 05 10:20:30 2026] [notice] ",
    "01-05 10:20:30.811  1702  2395 D WindowManager: ",
    "2026-01-05 10:20:30.123 UTC [4242] ERROR:  ",
    "I0105 10:20:30.123456    2345 kubelet.go:1842] ",
    "2026-01-05 10:20:30.123  INFO 1234 --- [nio-8080-exec-1] c.e.shop.OrderController                 : ",
    "Jan  5 10:20:30 web-1 kernel: [12345.678901] ",
    "<34>Jan  5 10:20:30 web-1 app[7]: ",
]


@pytest.mark.parametrize("header", HEADERS)
def test_the_header_of_a_tailed_line_is_taken_off(header: str) -> None:
    assert content(f"{header}payment of 5 refused") == "payment of 5 refused"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("plain words", "plain words"),
        (
            '10.0.0.1 - - [05/Jan/2026:10:20:30 +0000] "GET /a HTTP/1.1" 200 - "-" "curl"',
            'client=10.0.0.1 user=none "GET /a HTTP/1.1" status=200 bytes=0 referrer="-" agent="curl"',
        ),
        ('{"level":"info","msg":"user 5 gone","ts":1}', "user 5 gone"),
        ("\x1b[31mERROR\x1b[0m \x1b[1mpayment\x1b[m of 5\x1b(B refused", "ERROR payment of 5 refused"),
        ("\x1b[2m2026-01-05T10:20:30.123456Z\x1b[0m \x1b[32m INFO\x1b[0m \x1b[2mshop\x1b[0m: up", "up"),
        (r'{"log":"\u001b[33mwarn\u001B[39m: user 5 gone"}', "warn: user 5 gone"),
        ('{"status":200,"path":"/a"}', "path=/a status=200"),
        ('level=info msg="user 5 gone" ts=1', "user 5 gone"),
        ("{not json", "{not json"),
        (
            "Traceback (most recent call last):\n  File x\nValueError: 5",
            "Traceback (most recent call last): ValueError",
        ),
        ("failed\n  at a.B.c\nCaused by: java.io.IOException: no", "failed java.io.IOException"),
        (
            "Traceback (most recent call last):\n  File x\nrequests.exceptions.ConnectTimeout: bank",
            "Traceback (most recent call last): requests.exceptions.ConnectTimeout",
        ),
        ("Traceback (most recent call last):\n  File x\nshop.Gone\n", "Traceback (most recent call last): shop.Gone"),
        ("failed with ValueError\n  at x\nValueError: y", "failed with ValueError"),
        ("tabs\tand\x00nulls", "tabs and nulls"),
        ("", ""),
    ],
)
def test_the_message_of_a_body(body: str, message: str) -> None:
    assert content(body) == message


def test_the_example_of_a_stack_trace_holds_what_the_exception_says() -> None:
    body = "2026-01-05T10:20:30Z Traceback (most recent call last):\n  File x\nValueError: card 5, password=hunter2\n"
    head = "Traceback (most recent call last): ValueError"
    assert content(body) == head
    assert example(body) == f"{head}\nValueError: card 5, password=***"
    assert example("plain words") == "plain words"
    miner = Miner()
    shapes = {miner.add(body), miner.add(body.replace("card 5", "no card"))}
    (pattern,) = miner.patterns()
    assert (len(shapes), pattern.template, pattern.sample) == (1, head, example(body))
    again = Miner()
    again.remember(pattern.id, pattern.id, head, [pattern.sample], 0.0)
    (kept,) = again.patterns()
    assert (kept.template, kept.sample) == (head, pattern.sample)


@pytest.mark.parametrize(
    "secret",
    [
        "password=hunter2", 'api_key: "abcdef"', "Authorization: Bearer abcdef123456", "postgres://ann:hunter2@db/x",
        "token=eyJhbGciOiJI.eyJzdWIiOiIx.abc", "AKIAABCDEFGHIJKLMNOP", "secret='a b'",
        "Incorrect API key provided: sk-proj-abcdefghijklmnopqrst", "glpat-abcdefghijklmnopqrst",
        "sk_live_abcdefghijklmnopqrst", "github_pat_abcdefghijklmnopqrstuv", "AIzaSyabcdefghijklmnopqrstuvwxyz012345",
    ],
)  # fmt: skip
def test_secrets_are_masked(secret: str) -> None:
    told = redact(f"call with {secret} failed")
    assert "***" in told
    for part in ("hunter2", "abcdef", "eyJ", "AKIA", "a b"):
        assert part not in told
    assert told.startswith("call with")


def test_a_line_without_secrets_stays() -> None:
    assert redact("passed all 7 tests at https://example.com/a") == "passed all 7 tests at https://example.com/a"
