"""The runs of external CIs, wired."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wellkept.app.externaltraining import ExternalRuns
from wellkept.store.state.externalruns import ExternalRunRows

if TYPE_CHECKING:
    from wellkept.app.platform import Platform


def external_runs(platform: Platform) -> ExternalRuns:
    """The runs; a CI reaches them at ``webhooks.url``, or where the server listens."""
    told, written = platform.settings.webhooks.url, platform.settings.data.resolve() / "address"

    def where() -> str:
        return told or (written.read_text(encoding="ascii").strip() if written.is_file() else "")

    rows = ExternalRunRows(platform.state)
    return ExternalRuns(
        rows, platform.artifacts, platform.outbox, platform.tokens, platform.audit, platform.clock, where
    )
