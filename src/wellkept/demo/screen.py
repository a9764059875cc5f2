"""What people see while the demo runs: a live picture in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from wellkept.demo.outcome import Ending, Outcome
from wellkept.kernel.entity import EntityKind

NOTE_WIDTH = 220


class Screen(Protocol):
    """Where progress goes."""

    def open(self, page: str, acts: Sequence[str]) -> None:
        """Show the page's address, and what will be played."""
        ...

    def begin(self, name: str, promise: str) -> None:
        """An act (or the beginning of everything) begins."""
        ...

    def step(self, what: str) -> None:
        """The act waits for this now; what it waited for before is there."""
        ...

    def note(self, text: str) -> None:
        """Something worth reading about the present step."""
        ...

    def done(self, outcome: Outcome) -> None:
        """The act is over."""
        ...

    def away(self, is_away: bool) -> None:
        """The server went away, or came back."""
        ...

    def close(self) -> None:
        """Nothing more is shown."""
        ...


class PlainScreen:
    """One line for each thing that happens, with the seconds since the beginning."""

    def __init__(self, console: Console) -> None:
        self._console, self._began, self._is_away = console, time.monotonic(), False

    def open(self, page: str, acts: Sequence[str]) -> None:
        self._say(f"page: {page}")
        self._say(f"acts: {', '.join(acts)}")

    def begin(self, name: str, promise: str) -> None:
        self._say(f"{name}: {promise}" if promise else name)

    def step(self, what: str) -> None:
        self._say(f"  ... {what}")

    def note(self, text: str) -> None:
        self._say(f"      {text}")

    def done(self, outcome: Outcome) -> None:
        word = "as told" if outcome.passed else "NOT as told"
        self._say(f"  {word} after {outcome.seconds:.1f} s: {outcome.told.result}")

    def away(self, is_away: bool) -> None:
        if is_away is not self._is_away:
            self._say(
                "  the server is away; `make up` (or `wellkept up`) starts it again" if is_away else "  it is back"
            )
        self._is_away = is_away

    def close(self) -> None:
        pass

    def _say(self, text: str) -> None:
        self._console.print(
            f"{time.monotonic() - self._began:6.1f} s  {text}", markup=False, highlight=False, soft_wrap=True
        )


@dataclass(slots=True)
class _Step:
    what: str
    began: float
    seconds: float | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Shown:
    name: str
    promise: str
    steps: list[_Step]
    outcome: Outcome | None = None


class LiveScreen:
    """The acts with their steps, drawn anew several times a second."""

    def __init__(self, console: Console) -> None:
        self._console, self._began = console, time.monotonic()
        self._page, self._coming, self._acts = "", list[str](), list[_Shown]()
        self._is_away = False
        self._spinner = Spinner("dots")
        self._live = Live(get_renderable=self._picture, console=console, refresh_per_second=5)

    def open(self, page: str, acts: Sequence[str]) -> None:
        self._page, self._coming = page, list(acts)
        self._live.start()

    def begin(self, name: str, promise: str) -> None:
        self._coming = [act for act in self._coming if act != name]
        self._acts.append(_Shown(name, promise, []))

    def step(self, what: str) -> None:
        self._finish_step()
        self._acts[-1].steps.append(_Step(what, time.monotonic()))

    def note(self, text: str) -> None:
        if self._acts and self._acts[-1].steps:
            self._acts[-1].steps[-1].notes.append(text[:NOTE_WIDTH])

    def done(self, outcome: Outcome) -> None:
        self._finish_step()
        self._acts[-1].outcome = outcome

    def away(self, is_away: bool) -> None:
        self._is_away = is_away

    def close(self) -> None:
        self._live.stop()

    def _finish_step(self) -> None:
        if self._acts and self._acts[-1].steps and self._acts[-1].steps[-1].seconds is None:
            last = self._acts[-1].steps[-1]
            last.seconds = time.monotonic() - last.began

    def _picture(self) -> RenderableType:
        seconds = time.monotonic() - self._began
        head = Text.assemble(("Wellkept demo", "bold"), f"  {seconds:.0f} s  look at it live: ", (self._page, "cyan"))
        parts: list[RenderableType] = [head, Text()]
        for act in self._acts:
            parts += self._act(act)
        parts += [Text(f"  {name}", style="dim") for name in self._coming]
        if self._is_away:
            parts.append(Text("the server is away; `make up` (or `wellkept up`) starts it again", style="yellow"))
        return Group(*parts)

    def _act(self, act: _Shown) -> list[RenderableType]:
        outcome = act.outcome
        if outcome is not None:
            mark, style = ("✓", "green") if outcome.passed else ("✗", "red")
            told = f"  {outcome.told.result}" if outcome.told.result else ""
            return [Text.assemble((f"{mark} {act.name}", f"bold {style}"), f"  {outcome.seconds:.0f} s", (told, "dim"))]
        parts: list[RenderableType] = [Text.assemble((f"▸ {act.name}", "bold"), (f"  {act.promise}", "dim"))]
        for step in act.steps:
            is_over = step.seconds is not None
            taken = step.seconds if step.seconds is not None else time.monotonic() - step.began
            row = Table.grid(padding=(0, 1))
            row.add_row(
                Text("✓", style="green") if is_over else self._spinner, step.what, Text(f"{taken:.1f} s", "dim")
            )
            parts.append(Padding(row, (0, 0, 0, 4)))
            parts += [Padding(Text(note, style="dim"), (0, 0, 0, 6)) for note in step.notes]
        return parts


def screen_for(console: Console) -> Screen:
    """A live picture where the console is a terminal, else plain lines."""
    return LiveScreen(console) if console.is_terminal else PlainScreen(console)


def spoken(cause: str) -> str:
    """An entity's id as people say it: a disk by where it is mounted, anything else as it is."""
    if cause.startswith(f"{EntityKind.DISK}:"):
        return f"disk {cause.split(':', 2)[2]}"
    return cause


def print_ending(ending: Ending, console: Console) -> None:
    """The table at the end: what happened, when it was seen, why, what was done, and what came of it."""
    table = Table(header_style="bold", pad_edge=False, show_lines=True)
    for column in ("act", "as told", "detected after", "cause named", "action", "result"):
        table.add_column(column, overflow="fold")
    for outcome in ending.outcomes:
        after = outcome.told.detected_after_s
        table.add_row(
            Text(outcome.name),
            Text("yes", "green") if outcome.passed else Text("NO", "bold red"),
            "" if after is None else f"{after:.0f} s",
            Text(spoken(outcome.told.cause)),
            Text(outcome.told.action),
            Text(outcome.told.result),
        )
    console.print(table)
    if ending.lost is None:
        lost = "what was lost was not counted"
    elif ending.lost_items:
        lost = f"LOST: {', '.join(f'{count} {what}' for what, count in ending.lost.items() if count)}"
    else:
        lost = "nothing that was acknowledged was lost"
    console.print(f"{ending.seconds:.0f} s; {lost}", highlight=False)
    if ending.exit_code:
        console.print(f"the logs of every process are in {ending.logs}", highlight=False, soft_wrap=True)
