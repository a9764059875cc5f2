"""The contract of a finished model: derived from its file, or a given one that must fit the file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from wellkept.kernel.errors import InputError
from wellkept.ml.contract import RESERVED, ModelContract, parse_contract
from wellkept.ml.inputspec import Input

PRIMARY = {
    "binary_classification": "average_precision",
    "multiclass_classification": "macro_f1",
    "regression": "mae",
}
SHOWN = 20
COLUMN = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


def derive(name: str, owner: str, told: Mapping[str, Any], origin: str, names: Sequence[str] = ()) -> str:
    """The YAML of a contract: the inputs' names from what lies beside the file, else from the file, else x0, x1, ...

    Raises:
        DocumentError: ``name`` is no name of a model.
    """
    width = int(told["width"])
    chosen = next((list(given) for given in (names, told["inputs"]) if len(given) == width), [])
    columns = columns_of(chosen or [f"x{index}" for index in range(width)])
    inputs = [_input(place, column, told) for place, column in enumerate(columns)]
    task = str(told["task"])
    document = {
        "name": name,
        "task": task,
        "owner": owner,
        "description": f"Imported: {origin}.",
        "inputs": inputs,
        "metrics": {"primary": PRIMARY[task]},
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    parse_contract(text, f"contract of {name}, derived from the file")
    return text


def _input(place: int, column: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """An input; the texts of one are all that there are where the model scores no others."""
    kind = _types(told)[place]
    entry: dict[str, Any] = {"name": column} if kind == "float" else {"name": column, "type": kind}
    if kind == "category" and not told["open"]:
        entry["values"] = told["categories"][told["inputs"][place]]
    elif told["nullable"]:
        entry["nullable"] = True
    return entry


def _types(told: Mapping[str, Any]) -> list[str]:
    return list(told.get("types") or ["float"] * int(told["width"]))


def columns_of(names: Sequence[str]) -> list[str]:
    """Names as a contract may have them, each once."""
    found: list[str] = []
    for index, name in enumerate(names):
        column = name if COLUMN.match(name) else re.sub(r"\W|^(?=\d)", "_", name, flags=re.ASCII)
        if not column or column in RESERVED or column == "label" or column in found:
            column = f"{column}_{index}" if column else f"x{index}"
        found.append(column)
    return found


def check_fits(contract: ModelContract, name: str, told: Mapping[str, Any]) -> None:
    """A contract must be of this model.

    Raises:
        InputError: it has another name or task, or its inputs are not those that the file takes.
    """
    if contract.name != name:
        raise InputError("model.yaml: name", f"must be {name}", contract.name)
    if contract.columns:
        raise InputError("model.yaml: columns", "must be left out: a finished model takes its inputs as they are")
    families = {contract.task, *({"regression"} if contract.task == "forecasting" else ())}
    if told["task"] not in families:
        raise InputError(
            "model.yaml: task", f"the file is of the task {told['task']}, the contract says", contract.task
        )
    features, width = contract.features, int(told["width"])
    if len(features) != width:
        raise InputError("model.yaml: inputs", f"the file takes {width}, the contract has", len(features))
    in_file = columns_of(list(map(str, told["inputs"])))
    if len(in_file) == width and in_file != columns_of([f"Column_{index}" for index in range(width)]):
        pairs = zip(features, in_file, strict=True)
        odd = next(((index, ours, theirs) for index, (ours, theirs) in enumerate(pairs) if ours != theirs), None)
        if odd is not None:
            raise InputError(
                "model.yaml: inputs", f"number {odd[0] + 1} is {odd[2]!r} in the file, in the contract", odd[1]
            )
    for place, kind in enumerate(_types(told)):
        _check_type(contract.inputs[place], kind, told, place)


def _check_type(entry: Input, kind: str, told: Mapping[str, Any], place: int) -> None:
    """An input must be of the type that the file takes: texts are texts, and whole numbers are never missing.

    Raises:
        InputError: it is not.
    """
    where = f"model.yaml: input {entry.name}"
    if entry.is_category != (kind == "category"):
        raise InputError(where, f"must be of the type {kind}, as in the file", entry.type)
    if kind in ("int", "bool") and (entry.nullable or entry.type == "float"):
        rule = f"must be of the type {'int or bool' if kind == 'int' else kind}, and not nullable, as in the file"
        raise InputError(where, rule, entry.type)
    if kind != "category":
        return
    known = told["categories"][told["inputs"][place]]
    odd = [text for text in entry.values if text not in known]
    if odd:
        raise InputError(where, f"must have values that the file knows ({', '.join(known[:SHOWN])})", odd[0])
    if not told["open"] and (entry.nullable or not entry.values):
        rule = f"must list its values ({', '.join(known[:SHOWN])}) and not be nullable: the model scores no others"
        raise InputError(where, rule)
