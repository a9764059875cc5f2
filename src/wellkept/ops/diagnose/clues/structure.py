"""Requests that go another way than before: a step left out, a word not said, a call that is now the last."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.diagnosis import Fault, Look, Pointer
from wellkept.kernel.redact import redact
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import bare, squash
from wellkept.ops.diagnose.traces import Bools, Ints, Spans, Traces

Floats = NDArray[np.float64]

HALF = 1.5
"""A share that changed by all, with a likelihood ratio of e to the power of 2.25, is half a proof."""
SURE = 8.0
"""The least likelihood ratio (its double logarithm) of a change that is looked at."""
LEAST_SPANS = 5
MOST_LINES = 50
"""What is logged within a span that says more is not compared pair by pair."""
MILD = 0.4
"""What appeared without a word of warning counts for this much."""
LAST_CALLEE, LAST_CALLER = 0.8, 0.4
"""A request that ends with a call points at the callee, and less at the caller."""
LOUD = re.compile(r"error|exception|fault|fail|timeout|abort|panic", re.IGNORECASE)
"""Operations of such names are only reached in trouble."""
EXPLAINS = 0.3
"""A change further down explains one above that is up to this many times stronger (the inverse of it)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Changes:
    """Events whose share of the spans of an operation changed. ``score``: before anything is explained away.

    ``given``: the share is that of the spans in which this event happens; -1: of all.
    """

    op: Ints
    event: Ints
    vanished: Bools
    score: Floats
    given: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Events:
    """The events of spans. Codes: a child's operation; a template after those; then "the last child is ..." for each
    operation; then "no child".
    """

    span: Ints
    event: Ints
    templates_at: int
    last_at: int
    none_at: int


class StructureClue:
    """What happens within the spans of an operation: which operations they call, what is logged, what comes last.

    Compared by shares of the operation's spans, so that load does not matter. A change counts only where abnormal
    spans became more per trace (else other traffic went away upstream), and only as far as no change further down
    the same traces, in another service, explains it. An operation that got rid of its errors is no suspect. A line that
    always came with another one is looked for where that other one is, whatever became more or less besides.

    The later half of the trouble is looked at by itself, too, and counts where it says more: the alert may have come
    before the trouble, and then the first half of it is health.
    """

    kind = "structure"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        if case.traces is None:
            return {}
        hints = _weighed(case, case.traces)
        later = replace(case.traces, during=case.traces.during.later_half())
        for entity, hint in _weighed(case, later).items():
            if entity not in hints or hint.strength > hints[entity].strength:
                hints[entity] = hint
        return hints


def _weighed(case: Case, known: Traces) -> dict[str, Hint]:
    before, during = _events(known, known.before), _events(known, known.during)
    changes = _both(_changed(known, before, during), _parted(known, before, during))
    if len(changes.op) == 0:
        return {}
    shares = _unexplained(known.during, during, changes)
    blame = _blame(known, during, changes, shares)
    return {
        entity: Hint(
            strength,
            _sentence(known, changes, during, number, entity),
            fault=Fault.CODE,
            pointers=_pointers(case, known, during, changes, number, entity),
        )
        for entity, (strength, number) in sorted(blame.items())
        if entity in case.suspects
    }


def _events(known: Traces, spans: Spans) -> _Events:
    ops, templates = len(known.op_names), len(known.templates)
    children = np.flatnonzero(spans.parent >= 0)
    parents = spans.parent[children]
    order = np.lexsort((spans.start[children], parents))
    by_parent = parents[order]
    is_last = np.ones(len(order), dtype=bool)
    is_last[:-1] = by_parent[1:] != by_parent[:-1]
    last = children[order][is_last]
    childless = np.setdiff1d(np.arange(len(spans.parent)), parents)
    pairs = np.concatenate(
        [
            np.stack([parents, spans.op[children]]),
            np.stack([spans.log_span, ops + spans.log_template]),
            np.stack([spans.parent[last], ops + templates + spans.op[last]]),
            np.stack([childless, np.full(len(childless), 2 * ops + templates)]),
        ],
        axis=1,
    )
    kinds = 2 * ops + templates + 1
    span, event = np.divmod(np.unique(pairs[0] * kinds + pairs[1]), kinds)
    return _Events(span, event, ops, ops + templates, 2 * ops + templates)


def _changed(known: Traces, before: _Events, during: _Events) -> _Changes:
    kinds = before.none_at + 1
    ops = len(known.op_names)
    n0, n1 = (np.bincount(s.op, minlength=ops).astype(float) for s in (known.before, known.during))
    key0, k0 = np.unique(known.before.op[before.span] * kinds + before.event, return_counts=True)
    key1, k1 = np.unique(known.during.op[during.span] * kinds + during.event, return_counts=True)
    keys = np.union1d(key0, key1)
    op, event = np.divmod(keys, kinds)
    count0, count1 = np.zeros(len(keys)), np.zeros(len(keys))
    count0[np.searchsorted(keys, key0)], count1[np.searchsorted(keys, key1)] = k0, k1
    change = (count1 + 0.5) / (n1[op] + 1) - (count0 + 0.5) / (n0[op] + 1)
    ratio = 2.0 * _binomial(count0, n0[op], count1, n1[op])
    vanished = change < 0
    abnormal0 = np.where(vanished, n0[op] - count0, count0)
    abnormal1 = np.where(vanished, n1[op] - count1, count1)
    rise = 2.0 * _poisson(abnormal0, known.before.traces, abnormal1, known.during.traces)
    loud = _loud(known, event)
    weight = np.where(vanished | loud | (event >= during.last_at), 1.0, MILD)
    score = np.abs(change) * np.sqrt(ratio * np.clip(rise / SURE, 0.15, 1.0)) * weight
    healed = np.unique(op[vanished & loud & (ratio >= SURE)])
    keep = ~np.isin(op, healed) & (ratio >= SURE) & (n0[op] >= LEAST_SPANS) & (n1[op] >= LEAST_SPANS)
    keep &= _is_worth_it(known, before, during, op, event, vanished)
    return _Changes(op[keep], event[keep], vanished[keep], score[keep], np.full(int(keep.sum()), -1))


def _parted(known: Traces, before: _Events, during: _Events) -> _Changes:
    """Lines that came with another one whenever that was there, and now do not always.

    Of several that a line came with, the one that says most.
    """
    kinds = before.last_at
    (alone0, many0, pairs0, together0), (alone1, many1, pairs1, together1) = (
        _together(spans, events) for spans, events in ((known.before, before), (known.during, during))
    )
    n0, n1 = _count(alone0, many0, pairs0 // kinds), _count(alone1, many1, pairs0 // kinds)
    always = (together0 == n0) & (np.minimum(n0, n1) >= LEAST_SPANS)
    pairs, n0, n1 = pairs0[always], n0[always].astype(float), n1[always].astype(float)
    k1 = _count(pairs1, together1, pairs).astype(float)
    one, event = np.divmod(pairs, kinds)
    op, given = np.divmod(one, kinds)
    ratio = 2.0 * _binomial(n0, n0, k1, n1)
    change = (n0 + 0.5) / (n0 + 1) - (k1 + 0.5) / (n1 + 1)
    rise = 2.0 * _poisson(np.zeros(len(n0)), known.before.traces, n1 - k1, known.during.traces)
    score = change * np.sqrt(ratio * np.clip(rise / SURE, 0.15, 1.0))
    order = np.lexsort((given, -score, event, op))
    order = order[ratio[order] >= SURE]
    _, first = np.unique(op[order] * kinds + event[order], return_index=True)
    keep = order[first]
    return _Changes(op[keep], event[keep], np.ones(len(keep), dtype=bool), score[keep], given[keep])


def _together(spans: Spans, events: _Events) -> tuple[Ints, Ints, Ints, Ints]:
    """In how many spans of an operation a line is, and a line beside another: keys and counts of both.

    A key is (operation, line[, the other line]), to the base of all events below the calls that come last.
    """
    is_line = (events.event >= events.templates_at) & (events.event < events.last_at)
    span, line = events.span[is_line], events.event[is_line]  # ordered by span
    _, of_span, lines = np.unique(span, return_inverse=True, return_counts=True)
    few = lines[of_span] <= MOST_LINES
    span, line = span[few], line[few]
    _, first, of_span, lines = np.unique(span, return_index=True, return_inverse=True, return_counts=True)
    first, lines = first[of_span], lines[of_span]
    left = np.repeat(np.arange(len(span)), lines)
    turn = np.arange(len(left)) - np.repeat(np.cumsum(lines) - lines, lines)
    right = first[left] + turn
    apart = left != right
    alone = spans.op[span] * events.last_at + line
    pairs = alone[left[apart]] * events.last_at + line[right[apart]]
    return (*np.unique(alone, return_counts=True), *np.unique(pairs, return_counts=True))


def _count(keys: Ints, counts: Ints, wanted: Ints) -> Ints:
    """The count of each wanted key; 0 where it is none."""
    if len(keys) == 0:
        return np.zeros(len(wanted), dtype=np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, counts[at], 0)


def _both(one: _Changes, other: _Changes) -> _Changes:
    return _Changes(
        *(np.concatenate([getattr(one, each.name), getattr(other, each.name)]) for each in fields(_Changes))
    )


def _is_worth_it(known: Traces, before: _Events, during: _Events, op: Ints, event: Ints, vanished: Bools) -> Bools:
    """Templates only of services that logged in both times; of what comes last only what became more."""
    logged = [
        np.unique(spans.service[events.span[(events.event >= events.templates_at) & (events.event < events.last_at)]])
        for spans, events in ((known.before, before), (known.during, during))
    ]
    is_log = (event >= during.templates_at) & (event < during.last_at)
    covered = np.isin(known.op_service[op], np.intersect1d(logged[0], logged[1]))
    return np.where(is_log, covered, (event < during.templates_at) | ~vanished)


def _loud(known: Traces, event: Ints) -> Bools:
    """Events that are trouble by themselves: a warning or an error that is logged, an operation named after one."""
    is_op = np.array([LOUD.search(name) is not None for name in known.op_names], dtype=bool)
    table = np.concatenate([is_op, known.is_severe, is_op, [False]])
    return np.asarray(table[event], dtype=bool)


def _unexplained(spans: Spans, events: _Events, changes: _Changes) -> Floats:
    """For each change the share of its abnormal spans that nothing further down explains."""
    abnormal = [_abnormal(spans, events, changes, number) for number in range(len(changes.op))]
    strength = np.zeros(len(spans.op))
    for rows, score in zip(abnormal, changes.score, strict=True):
        np.maximum.at(strength, rows, score)
    below = np.zeros(len(spans.op))
    suspicious = np.flatnonzero(strength > 0)
    above = spans.parent[suspicious]
    while (above >= 0).any():
        inside = above >= 0
        elsewhere = inside.copy()
        elsewhere[inside] = spans.service[above[inside]] != spans.service[suspicious[inside]]
        np.maximum.at(below, above[elsewhere], strength[suspicious[elsewhere]])
        above = np.where(inside, spans.parent[above], -1)
    cut_short = _cut_short(spans, events, changes, abnormal)
    shares = np.zeros(len(changes.op))
    for number, rows in enumerate(abnormal):
        if len(rows) == 0:
            continue
        explained = below[rows] >= EXPLAINS * changes.score[number]
        if changes.vanished[number] and changes.event[number] < events.last_at:
            explained |= cut_short[rows]
        shares[number] = 1.0 - float(explained.mean())
    return shares


def _cut_short(spans: Spans, events: _Events, changes: _Changes, abnormal: list[Ints]) -> Bools:
    """Spans that end with a call with which they did not use to end: what they left out after it is no news."""
    found = np.zeros(len(spans.op), dtype=bool)
    for number, rows in enumerate(abnormal):
        if events.last_at <= changes.event[number] < events.none_at:
            found[rows] = True
    return found


def _abnormal(spans: Spans, events: _Events, changes: _Changes, number: int) -> Ints:
    """The spans of the operation that lack what vanished, or have what appeared."""
    wanted = (events.event == changes.event[number]) & (spans.op[events.span] == changes.op[number])
    having: Ints = events.span[wanted]
    if not changes.vanished[number]:
        return having
    of_op = spans.op == changes.op[number]
    if (given := changes.given[number]) >= 0:
        return np.setdiff1d(events.span[(events.event == given) & of_op[events.span]], having)
    return np.setdiff1d(np.flatnonzero(of_op), having)


def _blame(known: Traces, events: _Events, changes: _Changes, shares: Floats) -> dict[str, tuple[float, int]]:
    """The highest strength of each service, and the change that it comes from."""
    blame: dict[str, tuple[float, int]] = {}
    behind = _behind(known)
    for number, (op, event) in enumerate(zip(changes.op, changes.event, strict=True)):
        score = squash(float(changes.score[number] * shares[number]), HALF)
        owner = known.services[known.op_service[op]]
        accused = {owner: score}
        if events.last_at <= event < events.none_at:
            callee = behind.get(int(event - events.last_at), owner)
            accused = {owner: LAST_CALLER * score, callee: LAST_CALLEE * score} if callee != owner else {owner: score}
        for entity, value in accused.items():
            if value > blame.get(entity, (0.0, 0))[0]:
                blame[entity] = (value, number)
    return blame


def _behind(known: Traces) -> dict[int, str]:
    """For each operation that calls another service: that service (the commonest of several); else its own."""
    found: dict[int, str] = {}
    for spans in (known.during, known.before):
        rows = np.flatnonzero(spans.remote())
        pairs, counts = np.unique(
            np.stack([spans.op[spans.parent[rows]], spans.service[rows]]), axis=1, return_counts=True
        )
        for (op, service), _ in sorted(zip(pairs.T.tolist(), counts.tolist(), strict=True), key=lambda p: p[1]):
            found[op] = known.services[service]
    for op, service in enumerate(known.op_service):
        found.setdefault(op, known.services[service])
    return found


def _binomial(k0: Floats, n0: Floats, k1: Floats, n1: Floats) -> Floats:
    """The logarithm of how much likelier two shares are than one."""
    p = (k0 + k1) / np.maximum(n0 + n1, 1)
    return (
        _likely(k0, n0, k0 / np.maximum(n0, 1))
        + _likely(k1, n1, k1 / np.maximum(n1, 1))
        - (_likely(k0, n0, p) + _likely(k1, n1, p))
    )


def _likely(k: Floats, n: Floats, p: Floats) -> Floats:
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return k * np.log(p) + (n - k) * np.log1p(-p)


def _poisson(a0: Floats, t0: float, a1: Floats, t1: float) -> Floats:
    """The logarithm of how much likelier two rates are than one; 0 where the second is not the higher."""
    rate = (a0 + a1) / (t0 + t1)
    with np.errstate(divide="ignore", invalid="ignore"):
        part0 = np.where(a0 > 0, a0 * np.log(a0 / t0 / rate), 0.0)
        part1 = np.where(a1 > 0, a1 * np.log(a1 / t1 / rate), 0.0)
    return np.where(a1 / t1 > a0 / t0, part0 + part1, 0.0)


EXAMPLES = 3
"""Traces that are named as examples of a change."""


def _pointers(
    case: Case, known: Traces, events: _Events, changes: _Changes, number: int, entity: str
) -> tuple[Pointer, ...]:
    """Traces that went the other way, and the lines that are new or gone."""
    rows = _abnormal(known.during, events, changes, number)
    first = dict.fromkeys(int(known.during.trace[row]) for row in rows)
    op = int(changes.op[number])
    owner, where = known.services[known.op_service[op]], known.op_names[op]
    found = [
        replace(case.pointer(Look.TRACE, name, owner), where=where)
        for code in list(first)[:EXAMPLES]
        if (name := known.during.name_of(code))
    ]
    event = int(changes.event[number])
    if events.templates_at <= event < events.last_at:
        found.append(case.pointer(Look.LOGS, redact(known.templates[event - events.templates_at]), entity))
    return tuple(found)


def _sentence(known: Traces, changes: _Changes, events: _Events, number: int, entity: str) -> str:
    op, event = int(changes.op[number]), int(changes.event[number])
    where = f"{known.op_names[op]} of {bare(known.services[known.op_service[op]])}"
    if event < events.templates_at:
        what = f"calls {known.op_names[event]}"
    elif event < events.last_at:
        what = f"says “{redact(known.templates[event - events.templates_at])[:60]}”"
    elif event < events.none_at:
        return f"{where} now ends with {known.op_names[event - events.last_at]}, which points at {bare(entity)}."
    else:
        return f"{where} now calls nothing."
    if (given := int(changes.given[number])) >= 0:
        return (
            f"{where} still says “{redact(known.templates[given - events.templates_at])[:60]}”, but no longer {what}."
        )
    return f"{where} {'no longer' if changes.vanished[number] else 'now'} {what}."
