"""What stands for the platform, the screen and the shop where acts and their frame are tested without processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from wellkept.demo.outcome import ActError, Outcome, Told


class Recorder:
    """A screen that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.outcomes: list[Outcome] = []

    def open(self, page: str, acts: Sequence[str]) -> None:
        self.said.append(("open", page))

    def begin(self, name: str, promise: str) -> None:
        self.said.append(("begin", name))

    def step(self, what: str) -> None:
        self.said.append(("step", what))

    def note(self, text: str) -> None:
        self.said.append(("note", text))

    def done(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def away(self, is_away: bool) -> None:
        self.said.append(("away", str(is_away)))

    def close(self) -> None:
        self.said.append(("close", ""))


class Answers:
    """A client that answers as it was told: each answer is a value, or an error to raise, the last one for ever."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers, self.posted = answers, list[tuple[str, Any]]()

    def get(self, path: str, **parameters: Any) -> Any:
        return self._next(path.removeprefix("/api/v1/").replace("/", "_"))

    def post(self, path: str, body: Any) -> Any:
        self.posted.append((path, body))
        return self._next(path.removeprefix("/api/v1/").replace("/", "_"))

    def _next(self, name: str) -> Any:
        waiting = self.answers[name]
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass(slots=True)
class Played:
    """An act that comes out as it is told to."""

    name: str
    told: Told | None = None
    error: Exception | None = None
    promise: str = ""
    played: list[str] = field(default_factory=list)

    def play(self, scene: Any) -> Told:
        self.played.append(self.name)
        if self.error is not None:
            raise self.error
        return self.told or Told("cause", "action", "result")


def failing(name: str) -> Played:
    return Played(name, error=ActError("a forecast, within 60 s", "nothing"))


Look = Callable[[], Any]
