"""The suite accepts our connectors, and rejects a connector for each rule that it can break."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.ml.data.places import PLACES, SECRET, World, parquet

from wellkept.checks import connectors as suite
from wellkept.checks.detectors import BrokenContractError
from wellkept.kernel.errors import InputError, TooLargeError
from wellkept.ml.data.base import Asked, Connector, Found
from wellkept.ml.data.connectors.parquet import ParquetFiles
from wellkept.spine.plugins import load

OURS = load("connector")
ELSEWHERE = {"telemetry": "its rows have the form of series; tests/ml/data/test_telemetry_source.py asks a platform"}


@pytest.mark.parametrize("name", [name for name in OURS if name not in ELSEWHERE])
def test_our_connectors_hold_the_contract(name: str, tmp_path: Path) -> None:
    connector = OURS[name]()
    assert connector.name == name
    ran = suite.check_connector(connector, PLACES[name](World(tmp_path)))
    assert len(ran) == len(suite.CHECKS)
    assert isinstance(connector, Connector)


def test_every_connector_is_checked_or_says_where() -> None:
    assert set(OURS) == set(PLACES) | set(ELSEWHERE)


class Broken(ParquetFiles):
    """Reads as our own does, but for what a test changes."""

    def __init__(self, change: Callable[[Found, Asked], Found]) -> None:
        self._change = change

    def read(self, options: Any, asked: Asked) -> Found:
        return self._change(super().read(options, asked), asked)


def changed(edit: Callable[[pa.Table], pa.Table]) -> Broken:
    return Broken(lambda found, _: replace(found, table=edit(found.table)))


class Unlimited(ParquetFiles):
    """Does not count."""

    def read(self, options: Any, asked: Asked) -> Found:
        return super().read(options, replace(asked, max_rows=10**9))


class Rude(ParquetFiles):
    """Lets the error of another library out."""

    def read(self, options: Any, asked: Asked) -> Found:
        try:
            return super().read(options, asked)
        except TooLargeError:
            raise
        except InputError:
            raise KeyError(options.path) from None


class Nameless(ParquetFiles):
    """Does not say which source it was."""

    def read(self, options: Any, asked: Asked) -> Found:
        try:
            return super().read(options, asked)
        except TooLargeError:
            raise
        except InputError:
            raise InputError("something", "is wrong") from None


class Undocumented(ParquetFiles):
    __doc__ = ""


class Moody(ParquetFiles):
    """Says something else each time."""

    calls = 0

    def read(self, options: Any, asked: Asked) -> Found:
        type(self).calls += 1
        return replace(super().read(options, asked), origin={"call": self.calls})


BREAKERS: dict[str, tuple[Any, str]] = {
    "loses a row": (changed(lambda table: table.slice(1)), "the rows as they are"),
    "quotes": (
        changed(lambda t: t.set_column(1, "key", pc.replace_substring(t["key"], "'", "''"))),
        "the rows as they are",
    ),
    "fills nulls": (changed(lambda t: t.set_column(2, "value", pc.fill_null(t["value"], 0.0))), "as they are"),
    "cuts the span": (
        Broken(lambda found, asked: replace(found, table=found.table.slice(int(asked.start.minute > 0)))),
        "every row of the span",
    ),
    "does not count": (Unlimited(), "TooLargeError"),
    "has no columns": (
        changed(lambda table: table if table.num_rows else pa.table({})),
        "a table of no rows with its columns",
    ),
    "lets a KeyError out": (Rude(), "must raise InputError"),
    "does not name the source": (Nameless(), "name the source"),
    "says something else each time": (Moody(), "read the same"),
    "has no docstring": (Undocumented(), "docstring"),
    "says a secret": (Broken(lambda found, _: replace(found, origin={"url": SECRET})), "not say a secret"),
    "says no JSON": (Broken(lambda found, _: replace(found, origin={"path": Path("x")})), "in JSON values"),
}


@pytest.mark.parametrize("name", BREAKERS)
def test_a_broken_connector_is_rejected_for_its_rule(name: str, tmp_path: Path) -> None:
    connector, rule = BREAKERS[name]

    with pytest.raises(BrokenContractError, match=rule):
        suite.check_connector(connector, replace(parquet(World(tmp_path)), secret=SECRET))
