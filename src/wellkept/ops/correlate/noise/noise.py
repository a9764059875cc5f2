"""The judge of noise: which findings are held back now, and which no longer are. Pure: it reads no clock and no store.

Every finding that is told in any way is shown to it as it changes. It remembers what is open, so that it can say when a
hold begins or ends by time alone, or by what others do. All that it remembers follows from the findings of the last
windows, so that after a restart they are shown to it again, and it is as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from wellkept.kernel.finding import Finding, fingerprint
from wellkept.kernel.grouping import GroupRule
from wellkept.kernel.noise import Held, HoldReason
from wellkept.ops.correlate.noise.base import FLAPPING, Book, FlapLimits
from wellkept.ops.correlate.noise.counts import Counts
from wellkept.ops.correlate.noise.flaps import Flaps
from wellkept.ops.correlate.noise.inhibit import Inhibitors
from wellkept.ops.correlate.noise.scopes import Scope, Scopes
from wellkept.ops.correlate.rules.rules import GroupRules, Key
from wellkept.spine.graph import Graph
from wellkept.spine.labels import Whose, carries, labels_of

TIDY_S = 60.0


@dataclass(frozen=True, slots=True)
class Case:
    """A finding with what it is judged by."""

    finding: Finding
    labels: Mapping[str, str]
    keys: tuple[Key, ...]


class Noise:
    """Judges findings in batches. Not safe for use by several threads at once."""

    def __init__(
        self,
        flapping: FlapLimits | None = None,
        book: Book | None = None,
        graph: Graph | None = None,
        whose: Whose | None = None,
    ) -> None:
        self._whose = whose
        self._limits = flapping or FlapLimits()
        self._flaps = Flaps(self._limits)
        self._counts = Counts(self._population)
        self._open: dict[str, Case] = {}
        self._held: dict[str, Held] = {}
        self._fresh: set[str] = set()
        """Open findings that were given and are still to be judged."""
        self._flapping: set[str] = set()
        self._short: dict[Key, set[str]] = {}
        """The held findings of groups that do not have enough."""
        self._grown: set[Key] = set()
        self._lacking: dict[Key, dict[str, tuple[float, float]]] = {}
        """What groups lack in this step."""
        self._seen_flapping: dict[str, Finding] = {}
        self._notices: dict[str, Finding] = {}
        self._tidied = 0.0
        self._edge: datetime | None = None
        """When a silence or a window begins or ends next; None where that is to be looked up."""
        self._at: datetime | None = None
        self._graph, self._book = graph or Graph((), ()), Book()
        self._scopes, self._inhibitors = Scopes(self._book, self._graph), Inhibitors(())
        self.rules, self._by_name = GroupRules((), self.labels), dict[str, GroupRule]()
        self.use(book or Book(), self._graph)

    def use(self, book: Book, graph: Graph) -> None:
        """Take what is in force, and the topology; what is open and may be affected is judged with the next batch.

        Raises:
            InputError: a regular expression is none.
        """
        before, old = self._book, self._scopes
        self._graph, self._book, self._scopes = graph, book, Scopes(book, graph)
        self._edge = None
        if (book.rules, book.inhibit) == (before.rules, before.inhibit):
            self._touch(self._scopes.other_than(old))
            return
        self._inhibitors, self.rules = Inhibitors(book.inhibit), GroupRules(book.rules, self.labels)
        self._by_name = {rule.name: rule for rule in book.rules}
        self._short, self._grown = {}, set()
        self._open = {id_: self._case(case.finding) for id_, case in self._open.items()}
        for case in self._open.values():
            self._note(case)

    def see(self, graph: Graph) -> None:
        """Take the topology as it is now; where something in force follows it, all that is open is judged anew."""
        if self._book.maintenance:
            self.use(self._book, graph)
        self._graph = graph
        self._grown |= {key for key in self._short if self._by_name[key.rule].require.share}

    def finding(self, finding: str) -> Finding | None:
        """An open finding as it was shown last; None where there is none."""
        case = self._open.get(finding)
        return case.finding if case is not None else None

    def labels(self, finding: Finding) -> Mapping[str, str]:
        """The labels of a finding, with those of its entity."""
        return labels_of(finding, self._graph.entities.get(finding.entity), self._whose)

    @property
    def held(self) -> Mapping[str, Held]:
        """What is held of all that is open, by finding id."""
        return self._held

    def judge(self, findings: Sequence[Finding], now: datetime) -> dict[str, Held | None]:
        """Whether findings are held, by their ids: each one that is given, and each other one whose answer changed.

        None is for what is told. Without any finding it says what time alone has changed.
        """
        cases = [self._case(finding) for finding in findings]
        for ask in (self._scopes, self._inhibitors, self.rules):
            ask.learn([case.labels for case in cases])
        for case in cases:
            self._note(case)
        found: dict[str, Held | None] = {}
        for id_, case in self._to_judge(now).items():
            held = self._hold(case, now)
            if held != self._held.get(id_):
                found[id_] = held
            self._keep(id_, held)
        for case in cases:
            found[case.finding.id] = self._given(case, now)
        self._tidy(now)
        return found

    def notices(self, now: datetime) -> tuple[list[Finding], list[Finding]]:
        """The findings that tell that something flaps: those that are to be told, and those that are over."""
        new = [finding for mark, finding in self._seen_flapping.items() if mark not in self._notices]
        self._seen_flapping.clear()
        told = [self._notice(finding, now) for finding in new]
        self._notices |= {finding.fingerprint: notice for finding, notice in zip(new, told, strict=True)}
        calm = [mark for mark in self._notices if not self._flaps.is_flapping(mark, now.timestamp())]
        return told, [replace(self._notices.pop(mark), ends_at=now) for mark in calm]

    def resume(self, notices: Iterable[Finding]) -> None:
        """Know the notices that are open already, after a restart."""
        self._notices |= {finding.attributes.get("flapping", ""): finding for finding in notices}

    def _given(self, case: Case, now: datetime) -> Held | None:
        """The answer for a finding that was given. One that ended while it was held was never told, and stays held."""
        id_ = case.finding.id
        if case.finding.is_open:
            return self._held.get(id_)
        before = self._held.pop(id_, None)
        self._flapping.discard(id_)
        for key in case.keys:
            self._short.get(key, set()).discard(id_)
        return before or self._hold(case, now)

    def _to_judge(self, now: datetime) -> dict[str, Case]:
        """What can have changed: what is new, what others hold, and what a silence or a window begins or ends for."""
        if self._at is not None and (self._edge is None or now >= self._edge or now < self._at):
            self._touch(self._scopes.turned(self._at, now))
        if self._edge is None or now >= self._edge or (self._at is not None and now < self._at):
            self._edge = self._scopes.next_edge(now) or datetime.max.replace(tzinfo=UTC)
        self._at = now
        self._lacking.clear()
        for key in self._grown:
            if key in self._short and not self._lacks(key, now.timestamp()):
                self._fresh |= self._short.pop(key)
        self._grown.clear()
        ids = self._fresh | self._flapping
        self._fresh = set()
        return {id_: self._open[id_] for id_ in ids if id_ in self._open}

    def _touch(self, scopes: Sequence[Scope]) -> None:
        """Have what these cover judged anew."""
        if not scopes:
            return
        cases = list(self._open.values())
        for scope in scopes:
            scope.learn([case.labels for case in cases])
            self._fresh |= {c.finding.id for c in cases if scope.covers(c.finding.entity, c.labels)}

    def _hold(self, case: Case, now: datetime) -> Held | None:
        finding, labels = case.finding, case.labels
        held = self._scopes.hold(finding.entity, labels, now)
        if held is not None:
            return held
        by = self._inhibitors.inhibitor(finding.id, labels)
        if by is not None:
            return self._inhibited(*by)
        if finding.detector == FLAPPING:
            return None
        moment = now.timestamp()
        if self._flaps.is_flapping(finding.fingerprint, moment):
            self._seen_flapping[finding.fingerprint] = finding
            before = self._held.get(finding.id)
            if before is not None and before.reason is HoldReason.FLAPPING:
                return before
            changes = self._flaps.changes(finding.fingerprint, moment)
            values = {"changes": str(changes), "window_s": f"{self._limits.window_s:g}"}
            words = f"flapping: it began or ended {changes} times in {_length(self._limits.window_s)}"
            return Held(HoldReason.FLAPPING, values, words)
        return self._too_few(case, moment)

    def _too_few(self, case: Case, moment: float) -> Held | None:
        """A finding in several groups is told with the first that has enough."""
        lacking: Held | None = None
        for key in case.keys:
            rule = self._by_name[key.rule]
            if not rule.require.asks:
                continue
            lacks = self._lacks(key, moment)
            if not lacks:
                return None
            words = ", ".join(f"{_count(there)} of {_count(asked)} {what}" for what, (there, asked) in lacks.items())
            values = {"rule": rule.name, "group": self.rules.words(str(key))}
            values |= {what: f"{_count(there)} of {_count(asked)}" for what, (there, asked) in lacks.items()}
            lacking = lacking or Held(HoldReason.TOO_FEW, values, f"rule {rule.name} asks for more: {words}")
        return lacking

    def _lacks(self, key: Key, moment: float) -> dict[str, tuple[float, float]]:
        if key not in self._lacking:
            self._lacking[key] = self._counts.lacks(key, self._by_name[key.rule], moment)
        return self._lacking[key]

    def _inhibited(self, rule: object, source: str) -> Held:
        name = getattr(rule, "name", "")
        case = self._open.get(source)
        what = f": {case.finding.sentence}" if case is not None else ""
        return Held(HoldReason.INHIBITED, {"rule": name, "source": source}, f"inhibited by rule {name}{what}")

    def _note(self, case: Case) -> None:
        finding = case.finding
        if finding.is_open:
            self._open[finding.id] = case
            self._fresh.add(finding.id)
        else:
            self._open.pop(finding.id, None)
        self._fresh |= self._inhibitors.note(finding.id, case.labels, finding.is_open)
        if finding.detector != FLAPPING:
            self._flaps.note(finding)
        for key in case.keys:
            if self._by_name[key.rule].require.asks:
                self._counts.note(key, finding)
                self._grown.add(key)

    def _keep(self, id_: str, held: Held | None) -> None:
        if held is None:
            self._held.pop(id_, None)
        else:
            self._held[id_] = held
        reason = held.reason if held is not None else None
        self._flapping.add(id_) if reason is HoldReason.FLAPPING else self._flapping.discard(id_)
        case = self._open.get(id_)
        for key in case.keys if case is not None else ():
            if reason is HoldReason.TOO_FEW:
                self._short.setdefault(key, set()).add(id_)

    def _case(self, finding: Finding) -> Case:
        labels = self.labels(finding)
        keys = self.rules.keys_of(labels) if finding.detector != FLAPPING else ()
        return Case(finding, labels, keys)

    def _population(self, kind: str, labels: Mapping[str, str]) -> int:
        return sum(one.kind.value == kind and carries(one, labels) for one in self._graph.entities.values())

    def _notice(self, finding: Finding, now: datetime) -> Finding:
        count = self._flaps.changes(finding.fingerprint, now.timestamp())
        title = finding.attributes.get("title") or finding.sentence
        return replace(
            finding,
            fingerprint=fingerprint(FLAPPING, finding.entity, finding.fingerprint),
            detector=FLAPPING,
            detector_version="1",
            starts_at=now,
            ends_at=None,
            sentence=f"{title}: it comes and goes, {count} changes in {_length(self._limits.window_s)}.",
            attributes={**finding.attributes, "title": f"{title} (flapping)", "flapping": finding.fingerprint},
        )

    def _tidy(self, now: datetime) -> None:
        moment = now.timestamp()
        if abs(moment - self._tidied) < TIDY_S:
            return
        self._tidied = moment
        self._flaps.forget(moment)
        self._counts.forget(self._by_name, moment)


def _count(value: float) -> str:
    return f"{value:g}" if value == int(value) else f"{value:.0%}"


def _length(seconds: float) -> str:
    return f"{seconds:g} s" if seconds % 60 else f"{seconds / 60:g} min"
