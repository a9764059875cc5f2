"""The policy ``expected_value`` in a replay: when it back-tests, what the back-tests say, and which window it takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from wellkept.evaluation.retrain_models import PARTS, Floats, Score, better_by, measured, value
from wellkept.evaluation.retrain_replay import Live
from wellkept.ml.retrain.forecast import Gain, Point
from wellkept.ml.retrain.policy import Act, Decision, PolicyCase, decide
from wellkept.ml.retrainspec import Retrain
from wellkept.ml.tasks import LOWER_IS_BETTER
from wellkept.ml.windows import WEIGHTED, Window, above, best, candidates, usual

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
LEAST, LEAST_RARER = 100, 20
"""A block to test on has so many rows, and so many of the rarer class."""
ROWS = 500
"""A block is a period, and longer where a period has fewer rows."""
RECHOSEN, CHOSEN_FOR = 1.5, 1
"""The window is chosen again where the history has become so much longer, and after so many back-tests."""
BLOCKS = 20
"""The choice rests on so many blocks."""
AGES = (1, 2, 4)
"""Periods by which older cut-offs are tried beside the newest, to tell how fast versions age."""
CALM = 4
"""Ticks before a jump of the losses, at least."""
SURE = 2.0
"""After a jump one block alone may change the window, by so many standard errors."""
JUMP = 6.0
"""Standard errors by which losses must have risen to be looked into at once."""


class ExpectedValue:
    """Back-tests once a period, and at once when losses jump; decides every tick."""

    def __init__(self, spec: Retrain, tell: Callable[[Decision], None] | None = None) -> None:
        self._spec, self._tell = spec, tell
        self.backtests = 0
        self.decisions: list[Decision] = []
        self._gains: list[Gain] = []
        self._attempts: list[datetime] = []
        self._differences: dict[str, list[float]] = {}
        self._chosen, self._chosen_of_s, self._choices_old = WEIGHTED, 0.0, 0
        self._looked, self._jump_at = 0.0, 0.0
        self._promised = float("nan")
        self._tried: set[tuple[float, str]] = set()

    def look(self, live: Live) -> Window | None:
        """See :class:`Replayed`."""
        if not self._looked:
            self._looked = live.since
        jumped = self._jumped(live)
        is_due = live.now >= self._looked + live.stream.period_s or jumped is not None
        rows = _block(live, jumped) if is_due else None
        if rows is not None:
            self._looked = live.now
            self._backtest(live, rows, jumped)
        if not self._gains:
            return None
        decision = decide(self._case(live))
        self.decisions.append(decision)
        if self._tell is not None:
            self._tell(decision)
        if decision.action is not Act.RETRAIN:
            return None
        if self._choices_old and rows is not None:
            self._choose(live, rows, jumped)
        self._attempts.append(_moment(live.now))
        return self._window(live.known_until, live, jumped)

    def _backtest(self, live: Live, rows: slice, jumped: float | None) -> None:
        """What a model trained on all before the block scores on it, beside the live one and older cut-offs."""
        stream, cut = live.stream, float(live.stream.time[rows.start])
        self._choices_old += 1
        is_longer = live.known_until > RECHOSEN * self._chosen_of_s
        if is_longer or self._choices_old > CHOSEN_FOR or jumped is not None:
            self._choose(live, rows, jumped)
        window = self._window(cut, live, jumped)
        places = _counted(live, rows)
        truth, x = stream.label[places], stream.x[places]
        fresh = self._model(live, cut, window)(x)
        count = _size(live, cut, window)
        if not np.isfinite(self._promised):
            self._promised = value(stream.metric, truth, live.model(x))
        gain, error = better_by(stream.metric, truth, fresh, live.model(x))
        more = _more(count, _size(live, live.until, live.window))
        self._gains.append(Gain(_moment(cut), max(0.0, cut - live.until), gain, error, more, "challenger"))
        for age in AGES:
            older = cut - age * stream.period_s
            if older < stream.first_s:
                break
            gain, error = better_by(stream.metric, truth, fresh, self._model(live, older, window)(x))
            more = _more(count, _size(live, older, window))
            self._gains.append(Gain(_moment(cut), cut - older, gain, error, more))

    def _model(self, live: Live, until: float, window: Window) -> Score:
        self._tried.add((until, window.name))
        self.backtests = len(self._tried)
        return live.bank.model(until, window)

    def _choose(self, live: Live, rows: slice, jumped: float | None) -> None:
        """Try every window on the block; what earlier blocks said counts, too."""
        stream, cut = live.stream, float(live.stream.time[rows.start])
        sign = -1.0 if stream.metric in LOWER_IS_BETTER else 1.0
        places = _counted(live, rows)
        values: dict[str, Floats] = {}
        for window in self._candidates(cut, live, jumped):
            score = self._model(live, cut, window)(stream.x[places])
            parts = np.array_split(np.arange(len(places)), PARTS)
            truth = stream.label[places]
            values[window.name] = sign * np.array([value(stream.metric, truth[one], score[one]) for one in parts])
        first = usual(values)
        if first not in self._differences:
            self._differences = {}
        for name, seen in above(values, first).items():
            self._differences[name] = [*self._differences.get(name, []), *seen][-BLOCKS * PARTS :]
        self._chosen = best(self._differences, first)
        if jumped is not None:
            usual_one = self._chosen if self._chosen in values else first
            self._chosen = best(above(values, usual_one), usual_one, SURE)
        self._chosen_of_s, self._choices_old = live.known_until, 0

    def _candidates(self, until: float, live: Live, jumped: float | None) -> list[Window]:
        changed = jumped or self._jump_at
        since = until - changed if 0 < changed < until else None
        return candidates(live.stream.first_s, until - float(live.stream.time[0]), since)

    def _window(self, until: float, live: Live, jumped: float | None) -> Window:
        known = {window.name: window for window in self._candidates(until, live, jumped)}
        return known.get(self._chosen) or known[usual(known)]

    def _jumped(self, live: Live) -> float | None:
        """When losses rose, where they did and it was not looked into yet with so many labels."""
        found = jump(live)
        if found is None:
            return None
        again = self._looked + max(live.stream.tick_s, self._looked - found)
        is_new = found > self._jump_at + live.stream.period_s
        if not is_new and live.now < again:
            return None
        self._jump_at = max(self._jump_at, found)
        return found

    def _case(self, live: Live) -> PolicyCase:
        stream = live.stream
        ahead = self._window(live.known_until, live, None)
        return PolicyCase(
            model=stream.name,
            spec=self._spec,
            metric=stream.metric,
            is_lower_better=stream.metric in LOWER_IS_BETTER,
            now=_moment(live.now),
            trained_until=_moment(live.until),
            known_until=_moment(live.known_until),
            live_since=_moment(live.since),
            promised=self._promised,
            rows=live.known,
            more=_more(_size(live, live.known_until, ahead), _size(live, live.until, live.window)),
            rows_since=live.known - int(np.searchsorted(stream.time, live.until)),
            attempts=tuple(self._attempts),
            points=tuple(_points(live)),
            gains=tuple(self._gains),
        )


def _more(ours: float, theirs: float) -> float:
    """The logarithm of how many times as many rows there are; fewer are chosen only where that is better."""
    return max(0.0, float(np.log(ours / max(theirs, 1.0))))


def _size(live: Live, until: float, window: Window) -> float:
    """The rows of a window, each by its weight."""
    rows, weights = window.rows(live.stream.time, until)
    return float(rows.stop - rows.start if weights is None else weights.sum())


def _moment(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def _counted(live: Live, rows: slice) -> NDArray[np.int64]:
    return np.asarray(np.flatnonzero(live.stream.counted[rows]) + rows.start)


def _block(live: Live, jumped: float | None) -> slice | None:
    """The newest labelled rows since the live model's training, to test on; after a jump the newer half since then."""
    stream, end = live.stream, live.known
    first = int(np.searchsorted(stream.time, live.until))
    start = min(int(np.searchsorted(stream.time, live.known_until - stream.period_s)), end - ROWS)
    if jumped is not None:
        start = max(start, (int(np.searchsorted(stream.time, jumped)) + end) // 2)
    else:
        start = max(start, (first + end) // 2)
    rows = slice(max(start, first), end)
    places = _counted(live, rows)
    if len(places) < LEAST:
        return None
    positive = float(stream.label[places].sum())
    rarer = min(positive, len(places) - positive)
    is_told = stream.task == "forecasting" or rarer >= LEAST_RARER
    return rows if is_told else None


def _points(live: Live) -> list[Point]:
    """The live model's performance, period by period, where labels are known."""
    stream, found = live.stream, []
    start = live.since
    while start + stream.period_s <= live.known_until:
        ends = np.searchsorted(stream.time, (start, start + stream.period_s)).tolist()
        places = _counted(live, slice(*ends))
        if len(places) >= LEAST:
            got, error = measured(stream.metric, stream.label[places], live.score[places])
            found.append(Point(_moment(start + stream.period_s / 2), got, error))
        start += stream.period_s
    return found


def jump(live: Live) -> float | None:
    """When the losses of the live model rose for good: the best cut of its ticks, where it is beyond all chance."""
    stream = live.stream
    rows = slice(*np.searchsorted(stream.time, (live.since, live.known_until)).tolist())
    score, label = live.score[rows], stream.label[rows]
    if rows.stop - rows.start < 2 * LEAST:
        return None
    tick = ((stream.time[rows] - live.since) // stream.tick_s).astype(np.int64)
    if stream.task == "forecasting":
        loss = np.abs(label - score)
    else:
        loss = -np.log(np.clip(np.where(label > 0, score, 1 - score), 0.01, 1.0))
    count = np.bincount(tick).astype(np.float64)
    used = count > 0
    mean = np.bincount(tick, loss)[used] / count[used]
    if len(mean) <= CALM + 1:
        return None
    found, most = None, JUMP
    for cut in range(CALM, len(mean) - 1):
        before, after = mean[:cut], mean[cut:]
        spread = np.hypot(before.std(ddof=1), loss.std() / np.sqrt(count[used].mean()) * 0.5)
        rise = (after.mean() - before.mean()) / (spread * np.sqrt(1 / len(before) + 1 / len(after)))
        if rise > most:
            found, most = live.since + float(np.flatnonzero(used)[cut]) * stream.tick_s, float(rise)
    return found
