"""The token of a data folder: made once, for the owner alone, and good as an argument of any command."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from wellkept.app.secrets import token_of


def test_it_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    token = token_of(tmp_path)
    assert token_of(tmp_path) == token
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_no_command_takes_it_for_an_option_and_pagerdutys_senders_take_it_for_a_key(tmp_path: Path) -> None:
    tokens = {token_of(tmp_path / str(number)) for number in range(50)}
    assert len(tokens) == 50
    assert all(re.fullmatch(r"[0-9a-f]{32}", token) for token in tokens)


def test_a_file_without_a_token_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")
    assert len(token_of(tmp_path)) == 32
