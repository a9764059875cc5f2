"""A page that somebody on the machine looks at asks the model server nothing, and has nothing logged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.ml.serve.doors import Asked, one

from wellkept.ml.serve.guests import Guests, StrangerError

INFER = "/v2/models/fraud/infer"


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


@pytest.mark.parametrize("path", [INFER, "/invocations"])
def test_a_page_of_another_origin_asks_nothing(path: str, asked: Asked) -> None:
    """A POST of text/plain needs no preflight: a page cannot read the answer, but what it asked would be logged."""
    row = {"amount": 1, "count": 1, "foreign": False, "risk": None}
    body = {"inputs": one()} if path == INFER else {"dataframe_records": [row]}

    answer = asked.post(path, body, Origin="https://evil.example", Sec_Fetch_Site="cross-site")

    assert answer.status_code == 403
    assert asked.log.records == []


def test_a_name_that_was_bound_anew_reaches_nothing(asked: Asked) -> None:
    """DNS rebinding: evil.example:7461 resolves to 127.0.0.1, and the page of that name is then of the same origin."""
    for method, path in (("POST", INFER), ("GET", "/v2/models/fraud"), ("GET", "/metrics")):
        answer = asked._ask(method, path, headers={"Host": "evil.example:7461"}, content=b"{}")
        assert answer.status_code in (400, 403, 421), path


@pytest.mark.parametrize("host", ["127.0.0.1:7461", "localhost:7461", "LOCALHOST", "[::1]:7461", "::1"])
def test_programs_on_this_machine_ask_as_before(host: str, asked: Asked) -> None:
    assert asked.post(INFER, {"inputs": one()}, Host=host).status_code == 200
    assert asked.post(INFER, {"inputs": one()}, Host=host, Origin=f"http://{host}").status_code == 200


def test_the_name_of_a_proxy_is_allowed_by_the_configuration() -> None:
    guests = Guests(["models.shop.example"])
    guests.check({b"host": b"models.shop.example:443", b"origin": b"https://models.shop.example"})
    with pytest.raises(StrangerError, match=r"Host: must be this machine's own name"):
        guests.check({b"host": b"models.shop.example.evil.example"})


def test_beyond_loopback_it_listens_only_where_that_is_meant(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wellkept.ml.serve", "--host", "0.0.0.0", "--url", "http://127.0.0.1:9"]
    command += ["--token-file", str(tmp_path / "token"), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--allow-remote" in done.stderr
