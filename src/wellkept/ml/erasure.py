"""What a person can ask of the predictions about an entity: that they are forgotten."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import InputError
from wellkept.spine.audit import Audit
from wellkept.store.telemetry.erasure import Erasure

VERB = "predictions.forgotten"


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Erases, and says so in the audit log. The key itself is not kept there: its digest tells who asks for proof."""

    erasure: Erasure
    audit: Audit
    clock: Clock

    def forget(self, entity_key: str, by: str, why: str = "") -> dict[str, Any]:
        """Delete the predictions and labels about an entity, of all models.

        Raises:
            InputError: no key was given; an empty one would be that of all who gave none.
        """
        if not entity_key:
            raise InputError("entity", "must be the entity_key that predictions were asked for with", entity_key)
        erased = self.erasure.erase(entity_key)
        digest = f"sha256:{hashlib.sha256(entity_key.encode()).hexdigest()}"
        counts = {"predictions": erased.predictions, "labels": erased.labels}
        self.audit.append(self.clock.now(), by, VERB, f"entity:{digest}", {**counts, "why": why})
        return {"entity": digest, **counts}
