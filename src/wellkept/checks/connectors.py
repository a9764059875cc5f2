"""The contract suite of connectors: what everything must hold to that reads training data, ours and anybody's.

    from wellkept.checks.connectors import check_connector

    check_connector(MyConnector(), place)

``place`` puts rows where the connector finds them (:class:`Place`). Each check raises ``BrokenContractError``
naming the connector, the rule and what was seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from wellkept.checks.detectors import BrokenContractError
from wellkept.kernel.described import paragraphs
from wellkept.kernel.errors import InputError, TooLargeError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ODD_TEXTS = ("plain", "Robert'); DROP TABLE rows;--", 'say "hi"', "a,b", "two\nlines", "žluťoučký", ":start", "%s")
_VERSION = re.compile(r"\d+(\.\d+)*")


class ConnectorLike(Protocol):
    """The shape of a connector; see ``wellkept.ml.data.base.Connector`` for what it promises."""

    name: str
    version: str
    Options: Any

    def read(self, options: Any, asked: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Place:
    """How the suite sets a scene for a connector."""

    put: Callable[[pa.Table], Any]
    """Writes rows (``time``, ``key``, ``value``) where the connector reads, and gives the options that lead there."""
    ask: Callable[[datetime, datetime, int], Any]
    """What the connector is asked: from when, until when, at most how many rows; of a source called ``rows``."""
    astray: Any
    """Options that lead nowhere."""
    secret: str = ""
    """A word that must never be said."""


def rows(count: int = 60) -> pa.Table:
    """Rows a minute apart from noon on: odd texts, nulls, and numbers that must come back as they are."""
    minutes = [NOON + timedelta(minutes=n) for n in range(count)]
    return pa.table(
        {
            "time": pa.array(minutes, pa.timestamp("us", tz="UTC")),
            "key": [ODD_TEXTS[n % len(ODD_TEXTS)] for n in range(count)],
            "value": [None if n % 7 == 3 else n / 8 - 2 for n in range(count)],
        }
    )


def check_connector(connector: ConnectorLike, place: Place) -> tuple[str, ...]:
    """Run every check on a connector, and return the names of the checks that were run.

    Raises:
        BrokenContractError: the first rule that the connector breaks.
    """
    for check in CHECKS:
        check(connector, place)
    return tuple(check.__name__ for check in CHECKS)


def check_says_what_it_is(connector: ConnectorLike, place: Place) -> None:
    """Name, version, docstring, and options that know their fields and survive JSON."""
    if not getattr(connector, "name", "") or not _VERSION.fullmatch(str(getattr(connector, "version", ""))):
        raise BrokenContractError(f"{connector!r}", "must have a name, and a version of numbers with points")
    if not paragraphs(type(connector)):
        raise BrokenContractError(connector.name, "its class must say in a docstring what it reads")
    options = place.put(rows(3))
    again = type(options).model_validate(json.loads(options.model_dump_json()))
    if again != options:
        raise BrokenContractError(connector.name, "its options must be the same after a way through JSON", again)
    try:
        type(options).model_validate({**options.model_dump(), "no_such_option": 1})
    except ValueError:
        return
    raise BrokenContractError(connector.name, "its options must refuse a field that they do not know")


def check_gives_what_is_there(connector: ConnectorLike, place: Place) -> None:
    """Every row of the span comes, with the values that it has, texts that look like SQL included."""
    wanted = rows()
    found = _read(connector, place, place.put(wanted), len(wanted))
    if _plain(found) != _plain(wanted):
        odd = next((pair for pair in zip(_plain(found), _plain(wanted), strict=False) if pair[0] != pair[1]), None)
        raise BrokenContractError(connector.name, "must give the rows as they are", odd or found.num_rows)


def check_keeps_to_the_span(connector: ConnectorLike, place: Place) -> None:
    """Of a part of the time no row is lost; the first moment belongs to it."""
    wanted, options = rows(), place.put(rows())
    start, end = NOON + timedelta(minutes=10), NOON + timedelta(minutes=20)
    found = connector.read(options, place.ask(start, end, 1000)).table
    times = {row[0] for row in _plain(found)}
    lost = [row[0] for row in _plain(wanted) if start <= row[0] < end and row[0] not in times]
    if lost:
        raise BrokenContractError(connector.name, "must give every row of the span", lost[0])


def check_gives_the_same_twice(connector: ConnectorLike, place: Place) -> None:
    """Two calls read the same, and say the same of where it came from."""
    options = place.put(rows())
    first, second = (connector.read(options, place.ask(NOON, NOON + timedelta(days=1), 1000)) for _ in range(2))
    if _plain(first.table) != _plain(second.table) or first.origin != second.origin:
        raise BrokenContractError(connector.name, "must read the same of the same data")


def check_keeps_the_limit_of_rows(connector: ConnectorLike, place: Place) -> None:
    """So many rows are read, and one more is an error."""
    options = place.put(rows(30))
    _read(connector, place, options, 30)
    try:
        _read(connector, place, options, 29)
    except TooLargeError:
        return
    raise BrokenContractError(connector.name, "must raise TooLargeError for more rows than were asked for")


def check_reads_nothing_of_nothing(connector: ConnectorLike, place: Place) -> None:
    """Without a row there is still a table, with its columns."""
    found = _read(connector, place, place.put(rows(0)), 10)
    if found.num_rows or not {"time", "key", "value"} <= set(found.column_names):
        raise BrokenContractError(connector.name, "must give a table of no rows with its columns", found.column_names)


def check_fails_in_words(connector: ConnectorLike, place: Place) -> None:
    """What cannot be read is an InputError that names the source, and neither it nor the origin says a secret."""
    try:
        _read(connector, place, place.astray, 10)
    except InputError as error:
        said = str(error)
    except Exception as error:
        raise BrokenContractError(connector.name, "must raise InputError for what is not there", error) from error
    else:
        raise BrokenContractError(connector.name, "must raise InputError for what is not there")
    if "rows" not in said:
        raise BrokenContractError(connector.name, "must name the source in its errors", said)
    found = connector.read(place.put(rows(3)), place.ask(NOON, NOON + timedelta(days=1), 10))
    try:
        told = json.dumps(dict(found.origin))
    except TypeError as error:
        raise BrokenContractError(connector.name, "must say the origin in JSON values", found.origin) from error
    for text in (said, told):
        if place.secret and place.secret in text:
            raise BrokenContractError(connector.name, "must not say a secret", text.replace(place.secret, "***"))


CHECKS = (
    check_says_what_it_is,
    check_gives_what_is_there,
    check_keeps_to_the_span,
    check_gives_the_same_twice,
    check_keeps_the_limit_of_rows,
    check_reads_nothing_of_nothing,
    check_fails_in_words,
)


def _read(connector: ConnectorLike, place: Place, options: Any, limit: int) -> pa.Table:
    table: pa.Table = connector.read(options, place.ask(NOON, NOON + timedelta(days=1), limit)).table
    return table


def _plain(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows as plain values, by time; however the source writes a moment."""
    time = table["time"]
    if pa.types.is_string(time.type) or pa.types.is_large_string(time.type):
        time = pc.replace_substring(time, "T", " ").cast(pa.timestamp("us"))
    moments = [one.replace(tzinfo=UTC) for one in time.cast(pa.timestamp("us")).to_pylist()]
    return sorted(
        zip(moments, table["key"].to_pylist(), table["value"].to_pylist(), strict=True),
        key=lambda row: (row[0], row[1]),
    )
