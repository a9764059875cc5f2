"""The data contract: what must be true of the rows before anything is trained on them, asked of pandera."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from wellkept.kernel.errors import InputError, short
from wellkept.ml.data.moments import NEVER, micros_of, moments
from wellkept.ml.dataspec import Checks, ColumnCheck

if TYPE_CHECKING:
    import polars as pl

EXAMPLES = 5
MASKED = "(masked)"
IGNORE_ZONES = "PYARROW_IGNORE_TIMEZONE"


class DataContractError(InputError):
    """Rows break their contract; ``report`` says which rule, how often, and with which values."""

    def __init__(self, model: str, report: Mapping[str, Any]) -> None:
        self.report = report
        super().__init__(f"data of {model}", f"must keep their contract (data.checks):\n{report_text(report)}")


@dataclass(frozen=True, slots=True)
class Checked:
    """One rule: about which column (empty: all rows), in how many rows it is broken, some values that break it."""

    column: str
    rule: str
    passed: bool
    failed_rows: int
    sentence: str
    examples: tuple[str, ...] = ()


def data_report(table: pa.Table, request: Mapping[str, Any]) -> dict[str, Any]:
    """What a worker found of the rows that it loaded, in JSON values."""
    checks = Checks.model_validate(request["data"]["checks"])
    return report_of(table, checks, request["data"]["masks"], datetime.fromisoformat(request["end"]))


def report_of(table: pa.Table, checks: Checks, masks: Mapping[str, str], end: datetime) -> dict[str, Any]:
    """Every rule with what was found. Values of masked columns are not shown.

    Args:
        table: the rows; NaN counts as null.
        checks: the rules.
        masks: the columns whose values nobody should see.
        end: of the window, for freshness.
    """
    found = [*_of_rows(table, checks, end)]
    if checks.columns or checks.unique:
        found += _of_columns(table, checks, masks)
    return {
        "passed": all(one.passed for one in found),
        "rows": table.num_rows,
        "checks": [{**asdict(one), "examples": list(one.examples)} for one in found],
    }


def report_text(report: Mapping[str, Any]) -> str:
    """The rules that are broken, one a line; or that none is."""
    broken = [one for one in report["checks"] if not one["passed"]]
    if not broken:
        return f"all {len(report['checks'])} rules hold for {report['rows']} rows"
    return "\n".join(f"  {one['column'] or 'rows'}: {one['sentence']}" for one in broken)


def _of_rows(table: pa.Table, checks: Checks, end: datetime) -> Iterator[Checked]:
    if checks.min_rows is not None:
        few = table.num_rows < checks.min_rows
        sentence = f"must be at least {checks.min_rows:,}, are {table.num_rows:,}"
        yield Checked("", f"min_rows {checks.min_rows}", not few, table.num_rows if few else 0, sentence)
    if checks.freshness_s is not None:
        rule = f"freshness_s {checks.freshness_s:g}"
        if "time" not in table.column_names:
            yield Checked("time", rule, False, table.num_rows, "must be there, so that freshness can be told")
            return
        at = moments(table["time"], None, "time")
        at = at[at != NEVER]
        age = (micros_of(end) - int(at.max())) / 1e6 if len(at) else float("inf")
        sentence = (
            f"the newest row must be at most {checks.freshness_s:g} s older than the window's end, is {age:.0f} s"
        )
        yield Checked("time", rule, age <= checks.freshness_s, 0 if age <= checks.freshness_s else len(at), sentence)


def _of_columns(table: pa.Table, checks: Checks, masks: Mapping[str, str]) -> list[Checked]:
    """Every rule of the columns; pandera looks at all of them before it answers."""
    import polars as pl

    pandera = _pandera()
    frame = pl.from_arrow(table.replace_schema_metadata(None))
    assert isinstance(frame, pl.DataFrame)
    frame = frame.with_columns(pl.selectors.float().fill_nan(None))
    there = {name: check for name, check in checks.columns.items() if name in frame.columns}
    rules = {name: rules_of(name, check) for name, check in there.items()}
    columns = {name: _column(pandera, frame.schema[name], there[name], rules[name]) for name in there}
    broken: set[tuple[str, str]] = set()
    try:
        pandera.DataFrameSchema(columns).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        broken = {_place(error) for error in errors.schema_errors}
    lost = [name for name in checks.columns if name not in there]
    found = [
        Checked(name, "is there", False, frame.height, "must be there, and is no column of the rows") for name in lost
    ]
    for name, mine in rules.items():
        if there[name].type is not None:
            found.append(_typed(name, there[name], frame, (name, "type") not in broken))
        found += [_checked(frame, name, rule, holds, (name, rule) in broken, masks) for rule, holds in mine.items()]
    return found + _together(frame, checks)


def _pandera() -> Any:
    """Pandera, without what it does to the process: it has Arrow ignore the zones of moments from then on."""
    before = os.environ.get(IGNORE_ZONES)
    import pandera.polars as pandera

    if before is None:
        os.environ.pop(IGNORE_ZONES, None)
    return pandera


def rules_of(name: str, check: ColumnCheck) -> dict[str, pl.Expr]:
    """The rules of a column's values, each with the expression that is true of the rows in which it holds."""
    import polars as pl

    column, rules = pl.col(name), dict[str, pl.Expr]()
    if not check.nullable:
        rules["not null"] = column.is_not_null()
    if check.max_null_share is not None:
        enough = column.is_null().mean() <= check.max_null_share
        rules[f"max_null_share {check.max_null_share:g}"] = column.is_not_null() | enough
    if check.min is not None:
        rules[f"min {check.min:g}"] = column >= check.min
    if check.max is not None:
        rules[f"max {check.max:g}"] = column <= check.max
    if check.among:
        rules[f"in {', '.join(str(one) for one in check.among)}"] = column.is_in(list(check.among))
    if check.regex is not None:
        rules[f"regex {check.regex}"] = column.cast(pl.String).str.contains(f"^(?:{check.regex})$")
    if check.unique:
        rules["unique"] = column.is_unique() | column.is_null()
    return {rule: holds.fill_null(value=True) for rule, holds in rules.items()}


def _column(pandera: Any, actual: Any, check: ColumnCheck, rules: Mapping[str, pl.Expr]) -> Any:
    """A column of pandera's, whose checks bear the names of the rules."""

    def test(rule: str, holds: pl.Expr) -> Any:
        return pandera.Check(lambda data: data.lazyframe.select(holds), name=rule, ignore_na=False)

    return pandera.Column(
        None if check.type is None else _kind(check.type, actual),
        [test(rule, holds) for rule, holds in rules.items()],
        nullable=True,
    )


def _kind(wanted: str, actual: Any) -> Any:
    """The column's own type where it is of the wanted family, else the family's first, which it then is not."""
    import polars as pl

    families = {
        "float": (pl.Float64, pl.Float32),
        "int": (pl.Int64, pl.Int32, pl.Int16, pl.Int8, pl.UInt64, pl.UInt32, pl.UInt16, pl.UInt8),
        "bool": (pl.Boolean,),
        "text": (pl.String, pl.Categorical),
        "time": (pl.Datetime, pl.Date),
    }
    family = families[wanted]
    return actual if any(actual == kind for kind in family) else family[0]


def _place(error: Any) -> tuple[str, str]:
    """The column and the rule that an error of pandera's is about."""
    column = str(getattr(error.schema, "name", ""))
    is_type = error.reason_code.name in ("WRONG_DATATYPE", "DATATYPE_COERCION")
    return column, "type" if is_type else str(getattr(error.check, "name", error.check))


def _typed(name: str, check: ColumnCheck, frame: pl.DataFrame, passed: bool) -> Checked:
    sentence = f"must be {check.type}, is {frame.schema[name]}"
    return Checked(name, f"type {check.type}", passed, 0 if passed else frame.height, sentence)


def _checked(
    frame: pl.DataFrame, name: str, rule: str, holds: pl.Expr, is_broken: bool, masks: Mapping[str, str]
) -> Checked:
    """One rule, with how many rows break it and some of their values."""
    if not is_broken:
        return Checked(name, rule, True, 0, f"{rule}: holds")
    try:
        odd = frame.filter(~holds)[name]
    except Exception as error:  # noqa: BLE001 - a rule that does not fit the column's type is a broken one, and says so
        return Checked(name, rule, False, frame.height, f"{rule}: cannot be asked of {frame.schema[name]}: {error}")
    values = [] if rule.startswith(("not null", "max_null")) else odd.head(1000).unique(maintain_order=True).to_list()
    examples = tuple(MASKED if name in masks else short(value) for value in values[: 1 if name in masks else EXAMPLES])
    such = f", such as {', '.join(examples)}" if examples else ""
    return Checked(
        name, rule, False, len(odd), f"{rule}: {len(odd):,} of {frame.height:,} rows break it{such}", examples
    )


def _together(frame: pl.DataFrame, checks: Checks) -> list[Checked]:
    """The columns that name a row together."""
    if not checks.unique:
        return []
    rule = f"unique {', '.join(checks.unique)}"
    lost = [name for name in checks.unique if name not in frame.columns]
    if lost:
        return [Checked(lost[0], rule, False, frame.height, "must be there, and is no column of the rows")]
    twice = int(frame.select(checks.unique).is_duplicated().sum())
    sentence = f"{rule}: {f'{twice:,} rows are not the only one' if twice else 'holds'}"
    return [Checked("", rule, not twice, twice, sentence)]
