"""How many findings a second noise judges, as a ratio to the 2,000 a second that come in by the door in a storm.

    python -m bench.noise [--count 100000]

Each case is judged in batches of 2,000 by one thread; the ratio is by CPU time, so that other work beside it does not
count. ``step`` is what a batch of nothing takes while all findings are open, ``silence`` what a new silence takes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.kernel.grouping import GroupRule, Require
from wellkept.kernel.matching import Matcher
from wellkept.kernel.noise import InhibitRule, Silence
from wellkept.ops.correlate.noise.base import Book
from wellkept.ops.correlate.noise.noise import Noise
from wellkept.spine.graph import Graph

BATCH, WANTED = 2_000, 2_000.0
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def alert(number: int, **labels: str) -> Finding:
    said = {"alertname": "Down", "n": str(number), **labels}
    return Finding(
        f"fp-{number}", "alertmanager", "4", "", FindingKind.EXTERNAL, Severity.ERROR, 1.0, "", NOON, "down",
        evidence=(Evidence("Down", said),),
    )  # fmt: skip


def of(*texts: str) -> tuple[Matcher, ...]:
    return tuple(map(Matcher.of, texts))


def silence(name: str, *texts: str) -> Silence:
    return Silence(name, of(*texts), NOON, NOON + timedelta(hours=1), "ann", "known", NOON)


def cases() -> Iterator[tuple[str, Book, Callable[[int], Finding]]]:
    """Name, what is in force, and how the findings look."""
    silences = tuple(silence(f"s{i}", f'team=~"t{i}.*"', f'pod=~".*-{i}"') for i in range(50))
    kinds = GroupRule("kinds", of("alertname=Down"), (), 3600, Require(kinds=2))
    inhibit = InhibitRule("root", of("n=0"), of("alertname=Down"), ("cluster",))
    yield "nothing in force", Book(), alert
    yield "50 silences", Book(silences=silences), lambda n: alert(n, team=f"t{n % 100}", pod=f"pod-{n}")
    yield "all in one group that lacks", Book(rules=(kinds,)), alert
    yield "all inhibited", Book(inhibit=(inhibit,)), lambda n: alert(n, cluster="c")


def main(count: int) -> None:
    """Measure every case and print a line for each."""
    for name, book, make in cases():
        found, noise = [make(number) for number in range(count)], Noise(book=book)
        began = time.process_time()
        for start in range(0, count, BATCH):
            noise.judge(found[start : start + BATCH], NOON + timedelta(seconds=start / WANTED))
        took = time.process_time() - began
        later = NOON + timedelta(seconds=count / WANTED)
        began = time.process_time()
        noise.judge([], later)
        step = time.process_time() - began
        began = time.process_time()
        noise.use(Book((*book.silences, silence("new", 'n="5"')), (), book.inhibit, book.rules), Graph((), ()))
        noise.judge([], later)
        new = time.process_time() - began
        print(
            f"{name}: {count / took:,.0f} findings/s, {count / took / WANTED:.1f} times what comes in; "
            f"{len(noise.held)} held; step {step * 1000:.1f} ms, silence {new * 1000:.0f} ms"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    main(parser.parse_args().count)
