"""Functions that make labels: label_replace, label_join, and what absent() is called."""

from __future__ import annotations

import re
from collections.abc import Sequence

import promql_parser
import pyarrow as pa
import pyarrow.compute as pc

from wellkept.store.telemetry.promql.errors import EvaluationError
from wellkept.store.telemetry.promql.matching import anchored, matchers_of
from wellkept.store.telemetry.promql.values import NAME, Labels, Vector, labels_of, united

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_REFERENCE = re.compile(r"\$(?:\$|(?P<plain>\w+)|\{(?P<braced>\w+)\})|(?P<backslash>\\)")
_GROUP_NAMES = re.compile(r"\(\?P?<(\w+)>")
_GROUPS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<group>\((?!\?)|\(\?P?<\w+>)", re.DOTALL)
_MOST_GROUPS = 9


def replaced(vector: Vector, target: str, template: str, source: str, pattern: str) -> Vector:
    """``label_replace``: where the pattern matches the whole of a label, another one is made of its groups.

    Raises:
        EvaluationError: no name for a label, no regular expression, or series become alike.
    """
    _check_label("label_replace()", target)
    before = [dict(labels).get(source, "") for labels in vector.labels]
    try:
        matches = pc.match_substring_regex(pa.array(before, pa.string()), anchored(pattern))
        made = pc.replace_substring_regex(
            pa.array(before, pa.string()), anchored(pattern), _rewrite(template, pattern), max_replacements=1
        )
    except pa.ArrowInvalid as error:
        raise EvaluationError("label_replace()", "must have a regular expression", pattern) from error
    changed = [
        labels_of([*((n, v) for n, v in labels if n != target), (target, value)]) if is_match else labels
        for labels, is_match, value in zip(vector.labels, matches.to_pylist(), made.to_pylist(), strict=True)
    ]
    return united(changed, vector.values, vector.present)


def joined(vector: Vector, target: str, separator: str, sources: Sequence[str]) -> Vector:
    """``label_join``: a label from others, put together.

    Raises:
        EvaluationError: no name for a label, or series become alike.
    """
    for name in (target, *sources):
        _check_label("label_join()", name)
    changed = []
    for labels in vector.labels:
        own = dict(labels)
        own[target] = separator.join(own.get(name, "") for name in sources)
        changed.append(labels_of(own.items()))
    return united(changed, vector.values, vector.present)


def absence(argument: promql_parser.Expr) -> Labels:
    """What ``absent`` of an expression is called: what its selector asks for by equality, once."""
    if isinstance(argument, promql_parser.MatrixSelector):
        argument = argument.vector_selector
    if not isinstance(argument, promql_parser.VectorSelector):
        return ()
    matchers = [matcher for matcher in matchers_of(argument) if matcher.label != NAME]
    names = [matcher.label for matcher in matchers]
    return labels_of((m.label, m.value) for m in matchers if m.kind == "Equal" and names.count(m.label) == 1)


def _check_label(what: str, name: str) -> None:
    if not _LABEL.match(name):
        raise EvaluationError(what, "must have a name for a label", name)


def _rewrite(template: str, pattern: str) -> str:
    """Go's ``$1``, ``${1}`` and ``${name}`` as RE2 writes them; what names no group is nothing."""
    groups = [found.group("group") for found in _GROUPS.finditer(pattern) if found.group("group")]
    names = {name.group(1): index for index, group in enumerate(groups, 1) if (name := _GROUP_NAMES.match(group))}

    def reference(found: re.Match[str]) -> str:
        if found.group("backslash"):
            return r"\\"
        if found.group() == "$$":
            return "$"
        key = found.group("plain") or found.group("braced")
        index = int(key) if key.isdecimal() else names.get(key, -1)
        if index > _MOST_GROUPS:
            raise EvaluationError("label_replace()", f"must refer to at most {_MOST_GROUPS} groups", template)
        return f"\\{index}" if 0 <= index <= len(groups) else ""

    return _REFERENCE.sub(reference, template)
