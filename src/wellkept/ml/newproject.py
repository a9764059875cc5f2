"""A new model project: a folder that works at once, copied from the template of its task."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from wellkept.kernel.errors import ConflictError, InputError
from wellkept.ml.contract import ModelContract, Name

TASKS = ("classification", "regression", "forecasting", "ranking")
FILES = ("model.yaml", "model.py", "make_data.py", "test_model.py", "README.md")
TEMPLATES = Path(__file__).parent / "train" / "templates"


def new_project(folder: Path, name: str, task: str) -> list[Path]:
    """Write a project of a task into a folder; the paths of its files.

    Raises:
        InputError: the name or the task breaks a rule.
        ConflictError: the folder holds something already.
    """
    if task not in TASKS:
        raise InputError("task", f"must be one of {', '.join(TASKS)}", task)
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        rule = "must be lower-case letters, digits, - and _, begin with a letter, and be at most 63 long"
        raise InputError("name", rule, name) from error
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"folder {folder}", "must be new or empty")
    folder.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        text = (TEMPLATES / task / file).read_text(encoding="utf-8")
        text = re.sub(r"\bNAME\b", name, text)
        (folder / file).write_text(text, encoding="utf-8")
    importlib.import_module(f"wellkept.ml.train.templates.{task}.make_data").write(folder)
    return sorted(folder.iterdir())


def contract_schema() -> dict[str, Any]:
    """The JSON schema of model.yaml (draft 2020-12), for editors and other tools."""
    schema = ModelContract.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Wellkept model contract"}
