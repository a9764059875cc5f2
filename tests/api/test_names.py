"""Names of people in requests stand on one line, whichever request it is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from wellkept import api

MODULES = [importlib.import_module(f"wellkept.api.{one.name}") for one in pkgutil.iter_modules(api.__path__)]
SIGNED = sorted(
    {
        one
        for module in MODULES
        for _, one in inspect.getmembers(module, inspect.isclass)
        if issubclass(one, BaseModel) and one.__module__.startswith("wellkept.api.") and "by" in one.model_fields
    },
    key=lambda one: f"{one.__module__}.{one.__name__}",
)


def test_there_are_some() -> None:
    assert len(SIGNED) > 20


@pytest.mark.parametrize("body", SIGNED, ids=lambda one: f"{one.__module__.rpartition('.')[2]}.{one.__name__}")
@pytest.mark.parametrize("name", ["bo\nann", "bo\x1b[2J", "bo\tann"])
def test_a_name_that_breaks_a_line_is_refused(body: type[BaseModel], name: str) -> None:
    kept = TypeAdapter(body)
    with pytest.raises(ValidationError) as raised:
        kept.validate_python({"by": name})
    assert "must be printable characters on one line" in [
        error["msg"] for error in raised.value.errors() if error["loc"] == ("by",)
    ]
