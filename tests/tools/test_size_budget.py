"""The size budget: every rule at its limit, one over it, and what does not count."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.size_budget import (
    FILE_GOAL,
    FILE_LIMIT,
    FUNCTION_LIMIT,
    METHOD_LIMIT,
    PARAMETER_LIMIT,
    breaches,
    main,
    warnings,
)


def found(source: str) -> list[str]:
    return list(breaches(source, "src/thing.py"))


def function(lines: int, head: str = "def f() -> None:") -> str:
    """A function of so many lines, its head included."""
    return "\n".join([head, *["    pass"] * (lines - 1)]) + "\n"


def test_a_file_at_the_limit_passes() -> None:
    assert found("x = 1\n" * FILE_LIMIT) == []


def test_a_file_over_the_limit_is_named_with_the_rule_and_the_value() -> None:
    assert found("x = 1\n" * (FILE_LIMIT + 1)) == ["src/thing.py:1: file must be at most 500 lines, is 501"]


def test_a_missing_last_newline_does_not_save_a_line() -> None:
    assert found("x = 1\n" * FILE_LIMIT + "x = 1")


def test_a_function_at_the_limit_passes() -> None:
    assert found(function(FUNCTION_LIMIT)) == []


@pytest.mark.parametrize("head", ["def f() -> None:", "async def f() -> None:"])
def test_a_function_over_the_limit_is_named_with_its_line(head: str) -> None:
    source = "import os\n\n" + function(FUNCTION_LIMIT + 1, head)

    assert found(source) == ["src/thing.py:3: function f must be at most 60 lines, is 61"]


def test_a_method_and_a_nested_function_count_too() -> None:
    body = "".join(f"        {line}\n" for line in function(FUNCTION_LIMIT + 1).splitlines())

    assert any("function f " in line for line in found(f"class C:\n    def outer(self) -> None:\n{body}"))


def test_parameters_of_every_kind_count_but_not_self() -> None:
    passes = "a, b, /, c, d, *, e, f, g, h"

    assert found(f"class C:\n    def f(self, {passes}): ...\n") == []
    assert found(f"def f({passes}, i): ...\n") == [
        f"src/thing.py:1: function f must have at most {PARAMETER_LIMIT} parameters, has 9"
    ]


@pytest.mark.parametrize(("count", "is_breach"), [(METHOD_LIMIT, False), (METHOD_LIMIT + 1, True)])
def test_methods_of_a_class_have_a_limit(count: int, is_breach: bool) -> None:
    source = "class C:\n" + "".join(f"    def f{number}(self): ...\n" for number in range(count))

    assert bool(found(source)) is is_breach


def test_long_literal_lists_of_data_do_not_count() -> None:
    data = "PORTS = {\n" + '    "name": [1, 2],\n' * (FILE_LIMIT * 2) + "}\n"
    rows = "    rows = [\n" + "        (1, 2),\n" * FUNCTION_LIMIT + "    ]\n"

    assert found(data) == []
    assert found(f"def f() -> None:\n{rows}") == []


def test_a_computed_list_counts() -> None:
    rows = "    return [\n" + "        # why\n" * FUNCTION_LIMIT + "        x for x in y\n    ]\n"

    assert found(f"def f() -> list[int]:\n{rows}")


def test_a_file_over_the_goal_is_a_warning_and_no_breach() -> None:
    source = "x = 1\n" * (FILE_GOAL + 1)

    assert list(warnings(source, "a.py")) == ["a.py:1: file should be about 250 lines, is 251"]
    assert found(source) == []
    assert list(warnings("x = 1\n" * FILE_GOAL, "a.py")) == []


def test_the_program_exits_1_only_on_a_breach(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "long.py").write_text("x = 1\n" * (FILE_GOAL + 1))

    assert main(tmp_path) == 0
    assert capsys.readouterr().out == "size budget: 1 files, all within it\n"

    assert main(tmp_path, verbose=True) == 0
    assert "src/long.py:1: file should be about" in capsys.readouterr().out

    (tmp_path / "src" / "long.py").write_text("x = 1\n" * (FILE_LIMIT + 1))
    assert main(tmp_path) == 1
    assert capsys.readouterr().out == "src/long.py:1: file must be at most 500 lines, is 501\n"
