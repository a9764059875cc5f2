"""The contract of a finished model: derived from its file, or a given one that must fit the file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from wellkept.kernel.errors import InputError
from wellkept.ml.contract import RESERVED, ModelContract, parse_contract

PRIMARY = {
    "binary_classification": "average_precision",
    "multiclass_classification": "macro_f1",
    "regression": "mae",
}
COLUMN = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")


def derive(name: str, owner: str, told: Mapping[str, Any], origin: str, names: Sequence[str] = ()) -> str:
    """The YAML of a contract: the inputs' names from what lies beside the file, else from the file, else x0, x1, ...

    Raises:
        DocumentError: ``name`` is no name of a model.
    """
    width = int(told["width"])
    chosen = next((list(given) for given in (names, told["inputs"]) if len(given) == width), [])
    columns = columns_of(chosen or [f"x{index}" for index in range(width)])
    inputs = [{"name": column, **({"nullable": True} if told["nullable"] else {})} for column in columns]
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
