"""What a server has to itself: its port from the first moment, its folder for as long as it lives, its token."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from wellkept.app.claim import claimed, listen, url_of
from wellkept.app.secrets import token_of
from wellkept.kernel.errors import ConflictError, InputError

HOLDER = """
import sys
from pathlib import Path
from wellkept.app.claim import claimed
with claimed(Path(sys.argv[1]), "http://127.0.0.1:1"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_port_is_taken_from_the_first_moment() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]

        with pytest.raises(ConflictError, match=f"address 127.0.0.1:{port}: cannot be used: Address already in use"):
            listen("127.0.0.1", port)

        assert url_of(first, "127.0.0.1") == f"http://127.0.0.1:{port}"


def test_an_address_of_another_machine_cannot_be_used() -> None:
    with pytest.raises(ConflictError, match=r"address 192\.0\.2\.1:0: cannot be used"):
        listen("192.0.2.1", 0)


def test_an_address_of_ip_6_is_written_in_brackets() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert url_of(listener, "::1") == f"http://[::1]:{listener.getsockname()[1]}"


def test_a_folder_says_who_serves_it_while_it_is_served(tmp_path: Path) -> None:
    with claimed(tmp_path, "http://127.0.0.1:1"):
        assert int(tmp_path.joinpath("server.pid").read_text("ascii")) == os.getpid()
        assert tmp_path.joinpath("address").read_text("ascii") == "http://127.0.0.1:1"

    assert not tmp_path.joinpath("server.pid").exists()


def test_a_folder_is_held_by_one_process_until_that_is_gone(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        words = rf"is in use by another server.*got 'process {holder.pid}'"
        with pytest.raises(ConflictError, match=words), claimed(tmp_path, "http://127.0.0.1:2"):
            pass
        assert tmp_path.joinpath("address").read_text("ascii") == "http://127.0.0.1:1"
        holder.kill()

    with claimed(tmp_path, "http://127.0.0.1:2"):
        assert tmp_path.joinpath("address").read_text("ascii") == "http://127.0.0.1:2"


def test_a_folder_that_was_not_restored_to_the_end_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "restoring").touch()
    with pytest.raises(ConflictError, match="was cut off; empty it, and restore again"), claimed(tmp_path, "x"):
        pass
    assert not (tmp_path / "server.pid").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()

    words = r"data folder .*/file/data: must be a folder that can be written"
    with pytest.raises(InputError, match=words), claimed(tmp_path / "file" / "data", "http://127.0.0.1:1"):
        pass


def test_a_token_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    first = token_of(tmp_path / "data")

    assert len(first) >= 32
    assert token_of(tmp_path / "data") == first
    assert stat.S_IMODE(tmp_path.joinpath("data", "token").stat().st_mode) == 0o600
    assert token_of(tmp_path / "other") != first


@pytest.mark.parametrize("left", ["", "\n", "   "])
def test_an_empty_token_is_none(left: str, tmp_path: Path) -> None:
    tmp_path.joinpath("token").write_text(left, encoding="ascii")
    tmp_path.joinpath("token.partial").touch()

    assert len(token_of(tmp_path)) >= 32
    assert not tmp_path.joinpath("token.partial").exists()
