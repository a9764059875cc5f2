"""The gate's declaration: the one stage that both loops share (:mod:`wellkept.spine.gate`)."""

from wellkept.kernel.stage import Message, Stage

STAGE = Stage(
    name="spine.gate",
    consumes=frozenset({Message.PLAN, Message.FINDING}),
    emits=frozenset({Message.DECISION, Message.RESULT, Message.CHANGE, Message.AUDIT}),
    purpose="Lets people and the policy decide, runs what was decided once, verifies it on telemetry, writes it down.",
)
