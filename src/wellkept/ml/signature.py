"""The signature of a model, and what changed between two: callers of the one may not fit the other."""

from __future__ import annotations

from wellkept.ml.contract import ModelContract

LINEAGE = "signature.changes"
"""The place in a version's lineage of what changed since the champion that it was made beside."""


def signature_changes(before: ModelContract, after: ModelContract) -> list[str]:
    """Every difference of inputs and output that a caller would notice, one sentence each."""
    old, new = ({entry.name: entry for entry in contract.inputs} for contract in (before, after))
    found = [f"input {name} is gone" for name in old if name not in new]
    for name, entry in new.items():
        if name not in old:
            found.append(f"input {name} is new" + (", and may be missing" if entry.nullable else ""))
            continue
        if entry.type != old[name].type:
            found.append(f"input {name} is {entry.type}, was {old[name].type}")
        if entry.nullable != old[name].nullable:
            found.append(f"input {name} {'may be missing now' if entry.nullable else 'may be missing no more'}")
    if before.task != after.task:
        found.append(f"it answers as a {_words(after.task)}, was a {_words(before.task)}")
    if before.output.name != after.output.name:
        found.append(f"the answer is called {after.output.name}, was {before.output.name}")
    return found


def _words(task: str) -> str:
    return task.replace("_", " ")
