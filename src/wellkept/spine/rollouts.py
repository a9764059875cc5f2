"""Rollouts: versions on their way to all the traffic, and what was judged of them."""

from __future__ import annotations

from collections.abc import Sequence

from wellkept.kernel.errors import NotFoundError
from wellkept.store.state.rollouts import LIVE, Look, Measured, Rollout, RolloutRows, RolloutState
from wellkept.store.state.state import State

__all__ = ["LIVE", "Look", "Measured", "Rollout", "RolloutState", "Rollouts"]

THIN = 0.01
"""A look takes the place of the one before when it came within this share of the rollout's age and says the same."""


class Rollouts:
    """Which rollouts there are; each model has one that is live, at most."""

    def __init__(self, state: State) -> None:
        self._rows = RolloutRows(state)

    def begin(self, rollout: Rollout) -> Rollout:
        """Save a new rollout; the same id again returns what is stored.

        Raises:
            ConflictError: another one of the model is live.
        """
        return self._rows.begin(rollout)

    def move(self, rollout: Rollout, allowed: Sequence[RolloutState] = LIVE) -> bool:
        """Save a rollout's new state if it is in one of the allowed ones still; whether it was."""
        return self._rows.move(rollout, allowed)

    def rollout(self, rollout: str) -> Rollout:
        """A rollout.

        Raises:
            NotFoundError: there is none of that id.
        """
        found = self._rows.get(rollout)
        if found is None:
            raise NotFoundError(f"rollout {rollout}", "is not known")
        return found

    def find(self, rollout: str) -> Rollout | None:
        return self._rows.get(rollout)

    def live(self, model: str | None = None) -> list[Rollout]:
        """The rollouts that the traffic depends on."""
        return self._rows.recent(model, live=True, limit=1000)

    def recent(self, model: str | None = None, limit: int = 20) -> list[Rollout]:
        """Rollouts, newest first."""
        return self._rows.recent(model, live=False, limit=limit)

    def note(self, rollout: Rollout, look: Look) -> None:
        """Keep what was judged. Looks that say the same are kept ever more rarely, so that a long one stays small."""
        known = self._rows.looks(rollout.id, 2)
        instead = None
        if len(known) > 1 and (known[-1].verdict, known[-1].step) == (look.verdict, look.step) == _of(known[-2]):
            apart = (look.at - known[-2].at).total_seconds()
            instead = known[-1].at if apart < THIN * (look.at - rollout.started_at).total_seconds() else None
        self._rows.add_look(rollout.id, look, instead=instead)

    def looks(self, rollout: str, limit: int = 2000) -> list[Look]:
        """What was judged last, oldest first."""
        return self._rows.looks(rollout, limit)


def _of(look: Look) -> tuple[str, int]:
    return look.verdict, look.step
