"""The trust decision: opening a pickle runs its code, so a person has to allow exactly these bytes."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from wellkept.kernel.clock import stable_id
from wellkept.kernel.entity import model_id
from wellkept.kernel.errors import ActionError, InputError, WellkeptError
from wellkept.kernel.plan import Action, ActionResult, Plan, Risk, Verification

NEEDED = (
    "is a pickle: opening it runs whatever code it holds, so it is not opened. Convert it where it is from (to ONNX, "
    "skops, or the library's own format), or ask for a trust decision with --trust"
)


class Opening(Protocol):
    """Opens what was trusted."""

    def opened(self, digest: str, wanted: dict[str, str], key: str) -> str:
        """Open the pickle of a digest, register what came out, and say so in one sentence; once for a key."""
        ...

    def is_kept(self, digest: str) -> bool: ...


class OpenTrustedModel:
    """Arguments: ``digest`` of the bytes, and what they become: ``model``, ``file``, ``contract``, ``data``, ``by``."""

    name = "open_trusted_model"
    risk = Risk.HIGH

    def __init__(self, opening: Opening) -> None:
        self._opening = opening

    def preview(self, action: Action) -> str:
        digest, wanted = self._given(action)
        if not self._opening.is_kept(digest):
            raise InputError("open_trusted_model.digest", "must be of bytes that were handed in", digest)
        return (
            f"{wanted['file']} ({digest}) is opened once, in a process without network, secrets or rights, and what "
            f"comes out becomes a version of {wanted['model']} in a safe format"
        )

    def run(self, action: Action, key: str) -> ActionResult:
        digest, wanted = self._given(action)
        try:
            sentence = self._opening.opened(digest, wanted, key)
        except WellkeptError as error:
            raise ActionError(str(error), retry_helps=False) from error
        return ActionResult(True, True, sentence, {"digest": digest})

    def _given(self, action: Action) -> tuple[str, dict[str, str]]:
        wanted = {name: str(value) for name, value in action.arguments.items()}
        for name in ("digest", "model", "file"):
            if not wanted.get(name):
                raise InputError(f"open_trusted_model.{name}", "must be there")
        return wanted.pop("digest"), wanted


def trust_plan(digest: str, wanted: dict[str, str], now: datetime, by: str) -> Plan:
    """The plan that opens exactly the bytes of a digest."""
    model, file = wanted["model"], wanted["file"]
    return Plan(
        id=stable_id("pln", "trust", model, digest, now.isoformat()),
        subject=model_id(model),
        title=f"Trust {file} enough to open it, for {model}",
        reason=f"{by} wants it imported, and it is a pickle: opening it runs the code that it holds",
        risk=Risk.HIGH,
        actions=(Action(OpenTrustedModel.name, model_id(model), {**wanted, "digest": digest}),),
        verification=Verification(sentence="it was opened, converted, and scores the same"),
        proposed_at=now,
        proposed_by=by,
        effect="The code in the file runs once, locked in. What comes out is converted; the pickle is never served.",
    )
