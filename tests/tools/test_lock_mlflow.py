"""The lock of MLflow's own environment: exact versions with hashes, and no place to fetch from."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.requirements import Requirement
from tools.lock_mlflow import HEAD, LOCK, WANTED

TEXT = Path(LOCK).read_text("utf-8")
ENTRIES = re.split(r"^(?=[A-Za-z0-9])", TEXT, flags=re.MULTILINE)[1:]


def test_it_names_no_place_to_fetch_from() -> None:
    assert TEXT.startswith(HEAD)
    assert "://" not in TEXT
    assert "@" not in TEXT
    assert not re.search(r"^\s*-(?!-hash=)", TEXT, re.MULTILINE)


def test_every_package_is_pinned_exactly_and_has_hashes() -> None:
    for entry in ENTRIES:
        assert re.match(r"[A-Za-z0-9._-]+==[^\s;]+", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


def test_what_is_wanted_is_pinned_at_a_version_that_fits() -> None:
    pins = [Requirement(entry.splitlines()[0].rstrip(" \\")) for entry in ENTRIES]
    for wanted in map(Requirement, WANTED):
        (pin,) = [pin for pin in pins if pin.name == wanted.name]
        (version,) = pin.specifier
        assert wanted.specifier.contains(version.version), pin
