"""The size budget: files about 250 lines (never over 500), functions never over 60, eight parameters, 25 methods.

Long literal lists of data do not count. Prints every breach as ``file:line: rule, value`` and exits 1 if there is one.
``-v`` also names the files that are over the goal but within the limit.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_GOAL, FILE_LIMIT = 250, 500
FUNCTION_LIMIT, PARAMETER_LIMIT, METHOD_LIMIT = 60, 8, 25
LITERAL_LINES = 12
PLACES = ("src", "tests", "tools", "bench")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def breaches(source: str, name: str) -> Iterator[str]:
    """Every breach in one file."""
    tree = ast.parse(source)
    lines = _file_lines(source, tree)
    if lines > FILE_LIMIT:
        yield f"{name}:1: file must be at most {FILE_LIMIT} lines, is {lines}"
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield from _function(node, name)
        elif isinstance(node, ast.ClassDef):
            methods = sum(isinstance(item, Function) for item in node.body)
            if methods > METHOD_LIMIT:
                yield f"{name}:{node.lineno}: class {node.name} must have at most {METHOD_LIMIT} methods, has {methods}"


def warnings(source: str, name: str) -> Iterator[str]:
    """What is allowed but should shrink."""
    lines = _file_lines(source, ast.parse(source))
    if FILE_GOAL < lines <= FILE_LIMIT:
        yield f"{name}:1: file should be about {FILE_GOAL} lines, is {lines}"


def _file_lines(source: str, tree: ast.Module) -> int:
    return len(source.splitlines()) - _data_lines(tree)


def _function(node: Function, name: str) -> Iterator[str]:
    where = f"{name}:{node.lineno}: function {node.name}"
    length = _span(node) - _data_lines(node)
    if length > FUNCTION_LIMIT:
        yield f"{where} must be at most {FUNCTION_LIMIT} lines, is {length}"
    arguments = node.args
    count = sum(
        argument.arg not in ("self", "cls")
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    )
    if count > PARAMETER_LIMIT:
        yield f"{where} must have at most {PARAMETER_LIMIT} parameters, has {count}"


def _data_lines(tree: ast.AST) -> int:
    """Lines of long literal lists, tuples, sets and dictionaries (the outermost ones)."""
    total = 0
    for child in ast.iter_child_nodes(tree):
        is_literal = isinstance(child, ast.List | ast.Tuple | ast.Set | ast.Dict)
        if is_literal and _span(child) > LITERAL_LINES:
            total += _span(child) - 1
        else:
            total += _data_lines(child)
    return total


def _span(node: ast.AST) -> int:
    return int(getattr(node, "end_lineno", 0)) - int(getattr(node, "lineno", 0)) + 1


def main(root: Path, verbose: bool = False) -> int:
    """Check every Python file below the project's folders."""
    paths = [path for place in PLACES for path in sorted((root / place).rglob("*.py"))]
    files = {str(path.relative_to(root)): path.read_text("utf-8") for path in paths}
    if verbose:
        for line in (line for name, source in files.items() for line in warnings(source, name)):
            print(line)
    found = [line for name, source in files.items() for line in breaches(source, name)]
    print("\n".join(found) if found else f"size budget: {len(files)} files, all within it")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent.parent, verbose="-v" in sys.argv[1:]))
