"""A message in words: a title, a few lines, and the same in HTML."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wellkept.kernel.codec import decode, encode
from wellkept.spine.notify.snapshot import MOST_LINES, Phase, Snapshot

_MARKS = {Phase.OPEN: "", Phase.ACKNOWLEDGED: "acknowledged: ", Phase.MITIGATED: "mitigated: ", Phase.OVER: "over: "}


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent to a receiver.

    ``key`` is the same whenever the same thing is sent again, ``thread`` for everything about one thing.
    ``word`` says why it is told now, where that is not the thing itself. ``before`` is what was told last.
    """

    key: str
    thread: str
    now: Snapshot
    word: str
    url: str
    before: Snapshot | None = None

    @property
    def is_first(self) -> bool:
        return self.before is None

    @property
    def what(self) -> str:
        """What happened since the last message: ``opened``, ``acknowledged``, ``worse``, ``over``, ``updated``, ..."""
        if self.before is None:
            return "over" if self.now.is_over else "said" if self.now.phase is Phase.SAID else "opened"
        if self.now.held and not self.now.is_over:
            return "updated"
        if self.now.phase is not self.before.phase:
            return "opened again" if self.now.phase is Phase.OPEN else self.now.phase.value
        if self.now.severity > self.before.severity:
            return "worse"
        return "told again" if self.word else "updated"

    @property
    def joined(self) -> int:
        """How many things a digest has more than when it was told last."""
        if self.before is None or self.now.is_over or self.now.held or not self.now.is_digest:
            return 0
        return max(0, self.now.entity_count - self.before.entity_count)

    @property
    def named(self) -> list[str]:
        """Of these, those that the digest names."""
        before = self.before.lines if self.before and self.joined else self.now.lines
        return [line for line in self.now.lines[:MOST_LINES] if line not in before]

    @property
    def title(self) -> str:
        """One line."""
        mark = "held: " if self.now.held else "merged: " if self.now.merged_into else _MARKS.get(self.now.phase, "")
        level = f"[{self.now.severity.name.lower()}] " if not self.now.is_over else ""
        return f"{level}{mark}{self.now.title}"

    @property
    def link(self) -> str:
        """The page; empty where nobody knows under which address people reach this platform."""
        return f"{self.url.rstrip('/')}{self.now.path}" if self.url else ""

    def lines(self) -> list[str]:
        """The body, a line an item."""
        now, found = self.now, [self.word] if self.word else []
        if self.what in ("worse", "opened again"):
            found.append(
                f"This got worse: it was {_level(self.before)}." if self.what == "worse" else "It is open again."
            )
        if self.joined:
            found.append(f"{self.joined} more {'has' if self.joined == 1 else 'have'} joined since this was told last.")
        found += [f"Nothing more is told for now: {now.held}"] if now.held else []
        found += [now.sentence] if now.sentence else []
        found += [f"- {line}" for line in now.lines]
        if now.entities and not now.lines:
            more = now.entity_count - len(now.entities)
            found.append("Affected: " + ", ".join(now.entities) + (f" and {more} more" if more > 0 else ""))
        found += [f"{name}: {value}" for name, value in self.facts().items()]
        return found

    def facts(self) -> dict[str, str]:
        """What stands below the text: name to value."""
        now = self.now
        moments = {"Since": now.opened_at, "Until": now.ended_at}
        words = {
            "Findings": str(now.finding_count) if now.finding_count > 1 else "",
            "Owner": now.owner,
            "Works on it": now.assignee,
            _BY.get(now.event, "By"): now.by,
            "Ticket": now.ticket,
            "The return of": now.reopens,
            "Merged into": now.merged_into,
        }
        times = {name: at.strftime("%Y-%m-%d %H:%M:%S UTC") for name, at in moments.items() if at is not None}
        return {**times, **{name: value for name, value in words.items() if value}}

    def text(self) -> str:
        """The body as plain text."""
        return "\n".join([*self.lines(), *([self.link] if self.link else [])])

    def html(self) -> str:
        """The whole message as a page of HTML, without anything to fetch."""
        rows = "".join(f"<p>{html.escape(line)}</p>" for line in self.lines())
        link = f'<p><a href="{html.escape(self.link)}">Open in Wellkept</a></p>' if self.link else ""
        return f"<!doctype html><html><body><h2>{html.escape(self.title)}</h2>{rows}{link}</body></html>"

    def data(self) -> dict[str, Any]:
        """The message for programs."""
        return {
            "what": self.what,
            "word": self.word,
            "link": self.link,
            "title": self.title,
            **{name: value for name, value in encode(self.now).items() if name not in ("path", "title", "severity")},
            "severity": self.now.severity.name.lower(),
        }


_BY = {"incident": "Acknowledged by", "approval": "Decided by"}


def message_of(
    wanted: Mapping[str, Any], told: Mapping[str, Any] | None, *, key: str, thread: str, word: str, url: str
) -> Message:
    """The message that brings somebody from what was told to what is wanted."""
    return Message(key, thread, decode(Snapshot, wanted), word, url, decode(Snapshot, told) if told else None)


def key_of(notification: str, wanted_key: str, times: int) -> str:
    """The idempotency key of a message: stable until it was taken, and of no other message."""
    return "ntf_" + hashlib.sha256(f"{notification}\x1f{wanted_key}\x1f{times}".encode()).hexdigest()[:40]


def _level(snapshot: Snapshot | None) -> str:
    return snapshot.severity.name.lower() if snapshot is not None else ""
