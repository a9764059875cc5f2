"""The import stage: finished models from elsewhere become versions, pickles only by a decision."""

from __future__ import annotations

from wellkept.kernel.stage import Message, Stage

STAGE = Stage(
    name="ml.importing",
    consumes=frozenset({Message.OUTSIDE, Message.DECISION}),
    emits=frozenset({Message.VERSION, Message.PLAN}),
    purpose="Takes in finished models of safe formats, follows MLflow's registry, opens a pickle only when trusted.",
)
