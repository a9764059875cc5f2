"""The serve stage's declaration; its work is done by the model server process (:mod:`wellkept.ml.serve.server`)."""

from wellkept.kernel.stage import Message, Stage

STAGE = Stage(
    name="ml.serve",
    consumes=frozenset({Message.VERSION, Message.OUTSIDE}),
    emits=frozenset({Message.PREDICTION, Message.TELEMETRY}),
    purpose="Answers inference requests with the champion, and logs every prediction.",
)
