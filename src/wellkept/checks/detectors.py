"""The contract suite of detectors: what every detector must hold to, ours and anybody's.

    from wellkept.checks.detectors import check_detector
    from wellkept.ops.detect.base import View

    check_detector(MyDetector(), View)

Each check raises ``BrokenContractError`` naming the detector, the rule and what was seen.
"""

from __future__ import annotations

import re
import sys
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass, replace
from datetime import datetime
from types import FrameType
from typing import Any, Protocol, TypeVar
from zlib import crc32

import numpy as np

from wellkept.checks.scenes import CHECKOUT, THRESHOLD, Hidden, Scene, Story, healthy, told, told_of_entities
from wellkept.kernel.codec import decode, encode
from wellkept.kernel.described import described, paragraphs
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Finding
from wellkept.store.telemetry.window import Window

V = TypeVar("V")
TraceFunction = Callable[[FrameType, str, Any], Any]
V_contra = TypeVar("V_contra", contravariant=True)


class BrokenContractError(InputError):
    """A plug-in breaks a rule of its kind."""


class DetectorLike(Protocol[V_contra]):
    """The shape of a detector; see ``wellkept.ops.detect.base.Detector`` for what it promises."""

    name: str
    version: str

    def detect(self, view: V_contra, now: datetime) -> Sequence[Finding]: ...


_VERSION = re.compile(r"\d+(\.\d+)*")
_WINDOWS = ("metrics", "red", "exclusive", "logs")


def check_detector(detector: DetectorLike[V], view_of: Callable[..., V]) -> tuple[str, ...]:
    """Run every check on a detector, and return the names of the checks that were run.

    ``view_of`` makes the detector's view from keyword arguments (``wellkept.ops.detect.base.View``).

    Raises:
        BrokenContractError: the first rule that the detector breaks.
    """
    for check in CHECKS:
        check(detector, view_of)
    return tuple(check.__name__ for check in CHECKS)


def scenes() -> tuple[Scene, ...]:
    """The stories that every detector is asked about: health, and several kinds of trouble at once."""
    return (healthy(Story()).scene(), troubled().scene(), troubled(steps=90, step_s=2.0).scene())


def troubled(steps: int = 180, step_s: float = 10.0) -> Story:
    """A leak, a filling disk, a latency jump, errors, a busy CPU and a silent service, all in one window."""
    story = Story(steps=steps, step_s=step_s, seed=7)
    late = story.clock >= steps * 0.8
    story.host()
    story.disk(40e6 + 120e6 * story.clock / steps, 200e6)
    story.memory(CHECKOUT, 100e6 + 300e6 * story.clock / steps + story.noise(2e6, 1e6), 512e6)
    story.span(CHECKOUT, "span.rate", story.noise(20.0, 2.0), "1/s")
    story.span(CHECKOUT, "span.duration.p95", np.where(late, 2.0, 0.05) + story.noise(0.01, 0.002), "s")
    story.span(CHECKOUT, "span.errors", np.where(late, 5.0, 0.0) + story.noise(0.0, 0.01), "1/s")
    busy = np.where(late, 0.99, 0.1) + story.noise(0.0, 0.001)
    story.metric(CHECKOUT, "process.cpu.utilization", busy)
    silent = np.where(late, np.nan, story.noise(0.1, 0.02))
    story.metric("service:shop/silent", "process.cpu.utilization", silent)
    return story


def check_names_itself(detector: DetectorLike[V], view_of: Callable[..., V]) -> None:
    """Name and version are text, and every finding carries them."""
    for part in ("name", "version"):
        if not isinstance(getattr(detector, part, None), str) or not getattr(detector, part):
            raise BrokenContractError(f"{detector!r}.{part}", "must be text and not empty")
    for scene in scenes():
        for finding in _ask(detector, view_of, scene):
            if (finding.detector, finding.detector_version) != (detector.name, detector.version):
                raise BrokenContractError(
                    detector.name,
                    "its findings must carry its name and version",
                    (finding.detector, finding.detector_version),
                )


def check_says_what_it_is(detector: DetectorLike[V], view_of: Callable[..., V]) -> None:  # noqa: ARG001 - a check's
    """Its version is numbers with points; its class says what it does, and what each of its parameters means.

    What it follows of the settings that all share is a tuple of names.
    """
    if not _VERSION.fullmatch(detector.version):
        raise BrokenContractError(
            detector.name, "its version must be numbers with points between them", detector.version
        )
    if not paragraphs(type(detector)):
        raise BrokenContractError(detector.name, "its class must say in a docstring what it does", type(detector))
    shared = getattr(detector, "shared", ())
    if not isinstance(shared, tuple) or not all(isinstance(name, str) and name for name in shared):
        raise BrokenContractError(detector.name, "the settings that it follows must be a tuple of names", shared)
    parameters = getattr(detector, "parameters", None)
    if parameters is None:
        return
    if not is_dataclass(parameters):
        raise BrokenContractError(detector.name, "its parameters must be a dataclass", type(parameters))
    for one in described(parameters):
        if not one.meaning:
            raise BrokenContractError(detector.name, "each parameter must have its meaning below it", one.name)
        if one.usual is None:
            raise BrokenContractError(detector.name, "each parameter must have a usual value", one.name)


def check_leaves_input_alone(detector: DetectorLike[V], view_of: Callable[..., V]) -> None:
    """The windows are the same after as before."""
    for scene in scenes():
        before = _contents(scene)
        _ask(detector, view_of, scene)
        for name, old in before.items():
            if not np.array_equal(old, getattr(scene, name).values, equal_nan=True):
                raise BrokenContractError(detector.name, "must not change the windows it is given", name)


def check_same_input_same_result(detector: DetectorLike[V], view_of: Callable[..., V]) -> None:
    """Asked twice, it says the same, byte for byte."""
    for scene in scenes():
        first, second = _ask(detector, view_of, scene), _ask(detector, view_of, scene)
        _expect_same(detector, first, second, "the same view must give the same findings")


def check_keeps_no_state(detector: DetectorLike[V], view_of: Callable[..., V]) -> None:
    """What it was asked before is irrelevant, so a restart gives the same result."""
    for scene in scenes():
        first = _ask(detector, view_of, scene)
        _ask(detector, view_of, scene.until(len(scene.metrics.times) * 2 // 3))
        second = _ask(detector, view_of, scene)
        _expect_same(detector, first, second, "earlier questions must not change an answer")


def check_order_of_series_is_irrelevant(detector: DetectorLike[V], view_of: Callable[..., V]) -> None:
    """The store may list series in any order."""
    random = np.random.default_rng(3)
    for scene in scenes():
        mixed = _with_windows(scene, lambda window: _shuffled(window, random))
        _expect_same(
            detector,
            _ask(detector, view_of, scene),
            _ask(detector, view_of, mixed),
            "the order of the series must not change the findings",
        )


def check_bears_nothing(detector: DetectorLike[V], view_of: Callable[..., V]) -> None:
    """Windows without series, without steps, with one step, and with nothing but NaN give no findings and no error."""
    scene = troubled().scene()
    hollow: Mapping[str, Callable[[Window], Window]] = {
        "no series": lambda w: Window(w.times, np.empty((len(w.times), 0)), ()),
        "no steps": lambda w: replace(w, times=w.times[:0], values=w.values[:0]),
        "one step": lambda w: replace(w, times=w.times[:1], values=w.values[:1]),
        "only NaN": lambda w: replace(w, values=np.full_like(w.values, np.nan)),
    }
    for name, empty in hollow.items():
        bare = _with_windows(scene, empty)
        try:
            found = _ask(detector, view_of, bare, now=scene.now)
        except Exception as error:
            raise BrokenContractError(detector.name, f"must bear a view with {name}", error) from error
        if found:
            raise BrokenContractError(detector.name, f"must say nothing about a view with {name}", found[0].sentence)


def check_says_nothing_of_what_is_hidden(detector: DetectorLike[V], view_of: Callable[..., V]) -> None:
    """Of entities that telemetry is blind to it says nothing, and of the others the same as ever."""
    for scene in scenes():
        found = _ask(detector, view_of, scene)
        blind = sorted({finding.entity for finding in found if finding.entity})
        for hidden in ([blind[0]], blind) if blind else ():
            left = _ask(detector, view_of, scene, blind=Hidden(dict.fromkeys(hidden, "gaps")))
            wrong = [finding for finding in left if finding.entity in hidden]
            if wrong:
                raise BrokenContractError(
                    detector.name, "must say nothing of what telemetry is blind to", wrong[0].sentence
                )
            others = [finding for finding in found if finding.entity not in hidden]
            _expect_same(detector, others, left, "what is hidden must not change what is said of the rest")


def check_parts_are_the_whole(detector: DetectorLike[V], view_of: Callable[..., V]) -> None:
    """Asked about some entities and about all others, it says together what it says of all: work can be shared."""
    for scene in scenes():
        whole = _ask(detector, view_of, scene)
        parts = [_ask(detector, view_of, _with_windows(scene, _part(index, 3))) for index in range(3)]
        together = sorted((finding for part in parts for finding in part), key=lambda finding: finding.fingerprint)
        _expect_same(detector, whole, together, "what it says of parts must be what it says of the whole")


def check_bears_no_scores(detector: DetectorLike[V], view_of: Callable[..., V]) -> None:
    """Where no baseline is kept, it speaks by the windows alone, or not at all."""
    for scene in scenes():
        windows = {name: getattr(scene, name) for name in _WINDOWS}
        try:
            list(detector.detect(view_of(**windows, step_s=scene.step_s, graph=scene.graph), scene.now))
        except Exception as error:
            raise BrokenContractError(detector.name, "must bear a view without scores", error) from error


def check_is_quiet_in_health(detector: DetectorLike[V], view_of: Callable[..., V]) -> None:
    """A healthy shop gives no findings, with any of ten seeds."""
    for seed in range(10):
        found = _ask(detector, view_of, healthy(Story(seed=seed)).scene())
        if found:
            raise BrokenContractError(detector.name, "must say nothing about a healthy shop", found[0].sentence)


def check_findings_are_whole(detector: DetectorLike[V], view_of: Callable[..., V]) -> None:
    """Findings are ordered, distinct, say something, state their score, start in the past, and can be stored."""
    for scene in scenes():
        found = _ask(detector, view_of, scene)
        prints = [finding.fingerprint for finding in found]
        if prints != sorted(set(prints)):
            raise BrokenContractError(detector.name, "findings must be distinct and ordered by fingerprint", prints)
        for finding in found:
            rules = {
                "must have a sentence": bool(finding.sentence),
                "must state what its score means": bool(finding.score_meaning),
                "must have a finite score": bool(np.isfinite(finding.score)),
                "must not start in the future": finding.starts_at <= scene.now,
                "must be open": finding.ends_at is None,
                "must have at most 60 points of evidence": all(len(e.points) <= 60 for e in finding.evidence),
                "must survive storage": decode(Finding, encode(finding)) == finding,
            }
            for rule, holds in rules.items():
                if not holds:
                    raise BrokenContractError(f"a finding of {detector.name}", rule, finding)


def check_work_is_bounded(detector: DetectorLike[V], view_of: Callable[..., V]) -> None:
    """Ten times the series take no more than twenty times the lines of Python, and of memory at the peak.

    Both are counted and not timed, so that a busy machine says the same as an idle one. Lines are those of the
    thread that asks; what compiled code does shows in the memory that it needs.
    """
    small, large = (_crowd(count) for count in (200, 2000))
    for scene in (small, large):  # once to learn what is kept of series between questions
        _ask(detector, view_of, scene)
    for cost, of in (("lines", _lines), ("memory", _memory)):
        few, many = (of(detector, view_of, scene) for scene in (small, large))
        if many > 20 * few:
            raise BrokenContractError(
                detector.name,
                "work must grow with the number of series, not faster",
                f"{many / few:.0f} times the {cost} for 10 times the series",
            )


CHECKS: tuple[Callable[[DetectorLike[Any], Callable[..., Any]], None], ...] = (
    check_names_itself,
    check_says_what_it_is,
    check_findings_are_whole,
    check_leaves_input_alone,
    check_same_input_same_result,
    check_keeps_no_state,
    check_order_of_series_is_irrelevant,
    check_bears_nothing,
    check_bears_no_scores,
    check_says_nothing_of_what_is_hidden,
    check_parts_are_the_whole,
    check_is_quiet_in_health,
    check_work_is_bounded,
)
"""Every check of the suite, in the order in which they are run."""


def _ask(
    detector: DetectorLike[V],
    view_of: Callable[..., V],
    scene: Scene,
    now: datetime | None = None,
    blind: Hidden | None = None,
) -> list[Finding]:
    """What it says with the scores of a baseline beside the windows."""
    windows = {name: getattr(scene, name) for name in _WINDOWS}
    plain = {**windows, "step_s": scene.step_s, "graph": scene.graph}
    if blind is not None:
        plain["blind"] = blind
    scores = {name: told(window) for name, window in windows.items() if len(window.times)}
    levels = {name: np.full(len(windows[name].series), THRESHOLD, np.float32) for name in scores}
    plain |= {"scores": scores, "thresholds": levels, "entities": told_of_entities(list(windows.values()))}
    return list(detector.detect(view_of(**plain), now or scene.now))


def _lines(detector: DetectorLike[V], view_of: Callable[..., V], scene: Scene) -> int:
    """How many lines of Python run, calls and returns with them."""
    counted = 0

    def count(_frame: FrameType, _event: str, _argument: Any) -> TraceFunction:
        nonlocal counted
        counted += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        _ask(detector, view_of, scene)
    finally:
        sys.settrace(before)
    return counted


def _memory(detector: DetectorLike[V], view_of: Callable[..., V], scene: Scene) -> int:
    """The bytes that are held at the peak beyond those of before."""
    traced = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        _ask(detector, view_of, scene)
        _, peak = tracemalloc.get_traced_memory()
        return peak - before
    finally:
        if not traced:
            tracemalloc.stop()


def _crowd(count: int) -> Scene:
    story = Story(steps=120, seed=5)
    for number in range(count):
        story.span(f"service:crowd/{number:04d}", "span.duration.p95", story.noise(0.05, 0.005), "s")
    return story.scene()


def _contents(scene: Scene) -> dict[str, Any]:
    return {name: getattr(scene, name).values.copy() for name in _WINDOWS}


def _with_windows(scene: Scene, edit: Callable[[Window], Window]) -> Scene:
    return replace(
        scene,
        metrics=edit(scene.metrics),
        red=edit(scene.red),
        exclusive=edit(scene.exclusive),
        logs=edit(scene.logs),
    )


def _part(index: int, count: int) -> Callable[[Window], Window]:
    def cut(window: Window) -> Window:
        columns = [j for j, info in enumerate(window.series) if crc32(info.entity.encode()) % count == index]
        return Window(window.times, window.values[:, columns], tuple(window.series[j] for j in columns))

    return cut


def _shuffled(window: Window, random: np.random.Generator) -> Window:
    order = random.permutation(len(window.series))
    return Window(window.times, window.values[:, order], tuple(window.series[i] for i in order))


def _expect_same(detector: DetectorLike[V], first: Sequence[Finding], second: Sequence[Finding], rule: str) -> None:
    if encode(list(first)) != encode(list(second)):
        raise BrokenContractError(detector.name, rule, [finding.sentence for finding in second])
