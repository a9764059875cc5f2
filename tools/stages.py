"""The stages as docs/architecture.md shows them: a table, and a picture."""

import importlib
from pathlib import Path

from wellkept.kernel.stage import Message, Stage

SOURCE = Path(__file__).parent.parent / "src"


def stages() -> list[Stage]:
    """Every stage's declaration, found by its file ``stage.py``."""
    modules = sorted(
        ".".join(path.relative_to(SOURCE).with_suffix("").parts) for path in SOURCE.glob("wellkept/**/stage.py")
    )
    found = [getattr(importlib.import_module(name), "STAGE", None) for name in modules]
    return [stage for stage in found if isinstance(stage, Stage)]


def generated() -> str:
    """The table and the picture, in Markdown."""
    declared = stages()
    return f"{table(declared)}\n\n{picture(declared)}"


def table(declared: list[Stage]) -> str:
    """The stages as a Markdown table."""
    rows = [
        f"| `{stage.name}` | {_names(stage.consumes)} | {_names(stage.emits)} | {stage.purpose} |" for stage in declared
    ]
    return "\n".join(["| stage | consumes | emits | what it does |", "|---|---|---|---|", *rows])


def picture(declared: list[Stage]) -> str:
    """The stages as a Mermaid flow chart, one arrow for each pair, labelled with what travels."""
    arrows = [
        f"    {_node(source)} -->|{_names(shared)}| {_node(target)}"
        for source in declared
        for target in declared
        if target is not source and (shared := source.emits & target.consumes)
    ]
    return "\n".join(["```mermaid", "flowchart LR", *arrows, "```"])


def _names(messages: frozenset[Message]) -> str:
    return ", ".join(sorted(message.value for message in messages))


def _node(stage: Stage) -> str:
    return f"{stage.name.replace('.', '_')}[{stage.name}]"
