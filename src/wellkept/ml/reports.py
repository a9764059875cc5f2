"""A trial's report for machines and for the people of a pull request: JUnit XML, Markdown, one JSON document."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

from wellkept.ml.trial import Report, Step

MARKS = {"passed": "✅", "failed": "❌", "skipped": "⏭️", "warning": "⚠️"}


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON values."""
    return {
        "ok": report.passed,
        "project": report.project,
        "model": report.model,
        "task": report.task,
        "rows": report.rows,
        "metrics": report.metrics,
        "steps": [
            {
                "name": step.name,
                "result": step.result,
                "sentence": step.sentence,
                "seconds": round(step.seconds, 3),
                "line": step.line,
            }
            for step in report.steps
        ],
    }


def as_junit(report: Report) -> str:
    """The report as JUnit XML: one test case a step."""
    count = {word: sum(step.result == word for step in report.steps) for word in MARKS}
    seconds = sum(step.seconds for step in report.steps)
    suite = f'name={_attribute(f"wellkept.{report.model}")} tests="{len(report.steps)}" failures="{count["failed"]}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<testsuites>",
        f'  <testsuite {suite} errors="0" skipped="{count["skipped"]}" time="{seconds:.3f}">',
        *(_case(report, step) for step in report.steps),
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def as_markdown(report: Report) -> str:
    """The report as Markdown, for the summary of a job or a comment on a pull request."""
    title = "passed" if report.passed else "**failed**"
    lines = [f"### Model {_cell(report.model)}: check {title}", ""]
    if report.metrics:
        lines += ["| metric | on held-out rows |", "|---|---:|"]
        lines += [f"| {name} | {value:.4g} |" for name, value in report.metrics.items()] + [""]
    lines += ["| | check | what was found |", "|---|---|---|"]
    lines += [f"| {MARKS[step.result]} | {_cell(step.name)} | {_cell(step.sentence)} |" for step in report.steps]
    return "\n".join(lines) + "\n"


def _case(report: Report, step: Step) -> str:
    head = f"    <testcase classname={_attribute(f'wellkept.{report.model}')} name={_attribute(step.name)}"
    head += f' time="{step.seconds:.3f}"'
    if step.warns:
        return f"{head}><system-out>{escape(_printable(step.sentence))}</system-out></testcase>"
    if step.passed:
        return f"{head}/>"
    if step.passed is None:
        return f"{head}><skipped message={_attribute(step.sentence)}/></testcase>"
    where = f' file={_attribute(f"{report.project}/model.yaml")} line="{step.line}"' if step.line else ""
    first = step.sentence.splitlines()[0] if step.sentence else "failed"
    return (
        f"{head}{where}><failure message={_attribute(first)}>{escape(_printable(step.sentence))}</failure></testcase>"
    )


def _attribute(text: str) -> str:
    return quoteattr(_printable(text))


def _printable(text: str) -> str:
    """A text without the characters that XML has no way to write."""
    return "".join(one for one in text if one in "\t\n" or (ord(one) >= 32 and ord(one) not in (0xFFFE, 0xFFFF)))


def _cell(text: str) -> str:
    """A text inside a table's cell: on one line, with nothing that would be taken for Markdown or HTML."""
    plain = " ".join(text.split())
    for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("`", "\\`"), ("*", "\\*")):
        plain = plain.replace(sign, written)
    return plain if len(plain) <= 400 else f"{plain[:399]}…"
