"""Which change is to blame, or that none is: by place, time, words, and form, with evidence against all of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from wellkept.ops.diagnose.words import absent, changed_lines, numbers, objects, words

LATE = timedelta(seconds=60)
"""Onsets are measured in steps, so a change may look this much too late."""
NOBODY, AGAINST_ALL = 0.0, 8.0
"""The score of "no change is to blame" by itself, and what full evidence for it adds."""
OUTSIDE_SHARE = 0.35
"""More of the failing lines than this name somebody outside: then it is they."""
TEXT, HALF_TEXT = 5.0, 4.0
"""What shared words are worth at most, and how much of them is worth two thirds of that."""
OBJECT, ABSENT = 2.0, 6.0
"""The names of things count for so much more than other words, and what is said not to be there for so much more."""
TAKEN = 1.0
"""What taking away something that the failing lines speak of is worth where they say that something is not there."""
CARRIED = 1.4
"""What a deploy of the failing service most likely carried, since it lies in that service's own folder."""
HARMLESS = re.compile(
    r"(^|/)(docs?|tests?)/|\.(md|css|scss|txt|svg)$|_test\.\w+$|\.test\.\w+$|CODEOWNERS$", re.IGNORECASE
)
OUTSIDE = re.compile(
    r"https?://(?!\S*(?:\.svc|\.local|\.internal|localhost))[a-z0-9.-]+\.[a-z]{2,}"
    r"|\b(?!\S*(?:\.svc|\.local|\.internal))[a-z0-9-]+\.(?:com|net|org|io)\b"
    r"|\bregion=|no such host|ENOTFOUND|EAI_AGAIN|SERVFAIL|server misbehaving|name resolution|lookup \S+ on"
    r"|SlowDown|ServiceUnavailable",
    re.IGNORECASE,
)
"""A failing line that names a public host, a provider's region or throttling, or a name that does not resolve."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A change as far as it is known. ``deploys``: where and when it went live; a change that is live at once has
    itself there.
    """

    id: str
    at: datetime
    text: str
    files: tuple[str, ...] = ()
    diff: str = ""
    deploys: tuple[tuple[str, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A log pattern that became more (``more`` above 0) or fewer since the trouble began."""

    service: str
    text: str
    more: float
    is_bad: bool = True


@dataclass(frozen=True, slots=True)
class Trouble:
    """What fails: where, since when, in which words; ``surge``: how many times as many requests came."""

    service: str
    onset: datetime
    sentence: str
    lines: tuple[Line, ...] = ()
    metrics: tuple[str, ...] = ()
    """The names of indicators that moved."""
    surge: float = 1.0


@dataclass(frozen=True, slots=True)
class Suspicion:
    """How likely it is that a change is to blame, and why."""

    edit: str
    probability: float
    score: float
    why: str


@dataclass(frozen=True, slots=True)
class Blame:
    """Changes, the likeliest first, and the probability that none is to blame, with the evidence for that."""

    suspicions: tuple[Suspicion, ...]
    none: float
    why_none: str

    @property
    def best(self) -> Suspicion | None:
        """The change to blame; None where it is likelier that none is."""
        return next((one for one in self.suspicions[:1] if one.probability > self.none), None)


def blame(edits: Sequence[Edit], trouble: Trouble) -> Blame:
    """Rank the changes that came before the trouble. All probabilities, that of none included, are 1 together."""
    candidates = [edit for edit in edits if edit.at <= trouble.onset + LATE]
    failing = _failing_words(trouble)
    is_absent = any(absent(line.text) for line in trouble.lines if line.is_bad and line.more > 0)
    said = {edit.id: _words_of(edit) for edit in candidates}
    common = Counter(word for one in said.values() for word in one)
    most = float(np.log(len(candidates) + 1))
    rare = {word: float(np.log((len(candidates) + 1) / count)) / most for word, count in common.items()}
    scored = []
    for edit in candidates:
        shared = {
            word: said[edit.id][word] * rare[word] * failing[word] for word in said[edit.id].keys() & failing.keys()
        }
        place, where = _place(edit, candidates, trouble)
        lag = max((trouble.onset - _live(edit, trouble)).total_seconds(), 0.0) / 60.0
        score = (
            (0.0 if _is_harmless(edit) else TEXT) * (1.0 - float(np.exp(-sum(shared.values()) / HALF_TEXT)))
            + place
            + _form(edit)
            + (TAKEN if is_absent and failing.keys() & _taken(edit) else 0.0)
            - 0.35 * abs(float(np.log((lag + 3.0) / 8.0)))
        )
        named = sorted(shared, key=lambda word: (-shared[word], word))[:4]
        why = f"{where}, {lag:.0f} min before" + (
            f"; what fails and what changed share {', '.join(named)}" if named else ""
        )
        scored.append((score, edit.id, why))
    scored.sort(key=lambda one: (-one[0], one[1]))
    against, why_none = _against_all(trouble)
    weights = np.exp([NOBODY + AGAINST_ALL * against, *(score for score, *_ in scored)])
    shares = weights / weights.sum()
    ranked = [
        Suspicion(edit, round(float(share), 4), round(score, 3), why)
        for share, (score, edit, why) in zip(shares[1:], scored, strict=True)
    ]
    return Blame(tuple(ranked), round(float(shares[0]), 4), why_none)


def _words_of(edit: Edit) -> dict[str, float]:
    """Each word of a change with its weight: what is only added or only taken away counts most."""
    added, removed = (words(*lines) for lines in changed_lines(edit.diff))
    found = dict.fromkeys(words(edit.text, *edit.files), 0.5)
    for word in added | removed:
        found[word] = 1.5 if (word in added) != (word in removed) else 1.0
    return found


def _failing_words(trouble: Trouble) -> dict[str, float]:
    """Each word of what fails with its weight: what the failing service says most, its neighbours half."""
    found: dict[str, float] = {}

    def take(text: str, weight: float) -> None:
        things, gone = objects(text), absent(text)
        for word in words(text):
            found[word] = max(
                found.get(word, 0.0), weight * (ABSENT if word in gone else OBJECT if word in things else 1.0)
            )

    take(trouble.sentence, 1.0)
    for name in trouble.metrics:
        take(name, 0.7)
    for line in trouble.lines:
        loud = 1.0 + float(np.log10(max(abs(line.more), 1.0))) / 2.0
        mine = 1.0 if line.service == trouble.service else 0.5
        if line.is_bad and line.more > 0:
            take(line.text, mine * loud)
        elif line.more < 0:
            take(line.text, 0.7 * mine)
    places = {trouble.service.lower(), *(line.service.lower() for line in trouble.lines)}
    # What a service is called is said of place already, and every line of it and every path to it holds that name.
    return {word: weight * (0.1 if any(word in name for name in places) else 1.0) for word, weight in found.items()}


def _place(edit: Edit, others: Sequence[Edit], trouble: Trouble) -> tuple[float, str]:
    """What it is worth where and whether a change went live, and the words for it."""
    here = [at for service, at in edit.deploys if service == trouble.service]
    named = 0.5 if _names(edit, trouble.service) else 0.0
    if edit.deploys:
        first = min(here or [at for _, at in edit.deploys])
        live = 1.5 if first <= trouble.onset + LATE else -2.0
        where = trouble.service if here else ", ".join(sorted({service for service, _ in edit.deploys}))
        return live + (1.0 if here else -1.0) + named, f"it went live at {where}"
    carried = any(
        service == trouble.service and edit.at <= at <= trouble.onset + LATE
        for one in others
        for service, at in one.deploys
    )
    if carried:
        return 0.6 + (CARRIED if named else 0.0), f"a later deploy of {trouble.service} may have carried it"
    return named, "it is not known to have gone live"


def _names(edit: Edit, service: str) -> bool:
    """Whether a path names the service, its parts such as "service" left out."""
    parts = words(service)
    return bool(parts) and any(parts & words(path) for path in edit.files)


def _live(edit: Edit, trouble: Trouble) -> datetime:
    here = [at for service, at in edit.deploys if service == trouble.service and at <= trouble.onset + LATE]
    return max(here or [at for _, at in edit.deploys if at <= trouble.onset + LATE] or [edit.at])


def _is_harmless(edit: Edit) -> bool:
    return bool(edit.files) and all(HARMLESS.search(path) for path in edit.files)


def _form(edit: Edit) -> float:
    """Documents, tests and looks hardly break anything; changed numbers and things taken away do more often."""
    if _is_harmless(edit):
        return 2.0 * float(np.log(0.15))
    added, removed = changed_lines(edit.diff)
    value = 0.0
    if removed and added and numbers(added) != numbers(removed) and numbers(removed):
        value += 0.5
    if _taken(edit):
        value += 0.4
    return value


def _taken(edit: Edit) -> set[str]:
    """The words that a change takes away and does not put back elsewhere."""
    added, removed = changed_lines(edit.diff)
    return words(*removed) - words(*added)


def _against_all(trouble: Trouble) -> tuple[float, str]:
    """How much speaks for no change at all, in [0, 1]: somebody outside who fails, or more requests than ever."""
    bad = [line for line in trouble.lines if line.is_bad and line.more > 0]
    total = sum(line.more for line in bad)
    share = sum(line.more for line in bad if OUTSIDE.search(line.text)) / total if total > 0 else 0.0
    if share > OUTSIDE_SHARE:
        return 1.0, f"{share:.0%} of the failing lines name somebody outside"
    if trouble.surge >= SURGE:
        return 1.0, f"requests are {trouble.surge:.1f} times as many as before"
    return 0.0, ""


SURGE = 1.8
"""So many times the requests of before are a cause by themselves."""


def onset_of(times: Sequence[datetime], values: Iterable[float]) -> datetime | None:
    """The first of three values in a row that are far from the first third of the series; None where there is none."""
    series = np.asarray(list(values), dtype=np.float64)
    usual = series[: max(len(series) // 3, 3)]
    middle = float(np.median(usual))
    low, high = np.percentile(usual, [25, 75])
    far = np.abs(series - middle) > 4.0 * (float(high - low) + 0.15 * abs(middle) + 1e-9)
    for step in range(len(series) - 2):
        if far[step : step + 3].all():
            return times[step]
    return None


def surge_of(rates: Mapping[str, tuple[Sequence[datetime], Sequence[float]]], onset: datetime) -> float:
    """How many times more requests there are around the onset than before, by the median over the series of rates."""
    found = []
    for times, values in rates.values():
        at = np.asarray([moment <= onset - timedelta(minutes=5) for moment in times])
        series = np.asarray(values, dtype=np.float64)
        if at.sum() >= 3 and (~at).sum() >= 3 and np.median(series[at]) > 0:
            found.append(float(np.median(series[~at]) / np.median(series[at])))
    return float(np.median(found)) if found else 1.0
