"""A long stream of log lines made from labelled samples, with fresh values, and how fast it is stored and mined.

Where a label says that a value stands, the value is drawn anew: digits, hexadecimal words, and words of four letters
and more that vary there (names, hosts, parts of paths), which come from a vocabulary of thousands. The rest stays.
"""

from __future__ import annotations

import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from wellkept.ops.detect.patterns.live import LAG, Patterns
from wellkept.ops.detect.patterns.miner import Miner
from wellkept.store.telemetry.telemetry import Telemetry

BATCH = 100_000
WORDS = 5_000
"""So many different names stand in each place where samples have names."""
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
_RUN = re.compile(r"[0-9A-Za-z]+")
_HEX = re.compile(r"(?=.*\d)(?=.*[A-Fa-f])[0-9A-Fa-f]{4,}\Z")
VALUE = "\x00"
"""A value begins: its words are drawn together, as a host or a package is named as a whole."""
_KEPT = frozenset(("true", "false", "null", "none", "root", "bytes", "http", "https"))
"""Words that stay: they are switches, units and schemes rather than names."""


@dataclass(frozen=True, slots=True)
class Source:
    """Sample lines and their labelled templates."""

    lines: Sequence[str]
    templates: Sequence[str]


@dataclass(frozen=True, slots=True)
class Timing:
    """How it went: seconds of the wall clock and of the processor, and what was found."""

    lines: int
    distinct: int
    seconds: float
    cpu_seconds: float
    stored: int
    patterns: int
    evicted: int

    @property
    def lines_per_s(self) -> float:
        return self.lines / max(self.seconds, 1e-9)

    def document(self) -> dict[str, Any]:
        return {
            "lines": self.lines, "distinct_lines": self.distinct, "stored": self.stored, "patterns": self.patterns,
            "evicted": self.evicted, "seconds": round(self.seconds, 3), "cpu_seconds": round(self.cpu_seconds, 3),
        }  # fmt: skip


def fresh_lines(sources: Sequence[Source], count: int, seed: int) -> list[str]:
    """``count`` lines, the samples over and over in the order in which they stand, interleaved, with fresh values."""
    chance = random.Random(seed)
    words = [_word(chance) for _ in range(WORDS)]
    cut = [list(_cut(source)) for source in sources]
    longest = max(len(lines) for lines in cut)
    order = [lines[place] for place in range(longest) for lines in cut if place < len(lines)]
    return [_fresh(order[place % len(order)], chance, words) for place in range(count)]


def timed(lines: Sequence[str]) -> Timing:
    """Store the lines in an engine of its own and mine them there, batch by batch."""
    with tempfile.TemporaryDirectory(prefix="wellkept-eval-") as folder:
        telemetry = Telemetry.open(Path(folder) / "telemetry")
        try:
            return _timed(telemetry, lines)
        finally:
            telemetry.close()


def _timed(telemetry: Telemetry, lines: Sequence[str]) -> Timing:
    miner = Miner()
    patterns = Patterns(telemetry.patterns, 10.0, miner)
    patterns.tick(BEGIN)
    moments = [BEGIN + timedelta(seconds=10 * number) for number in range(-(-len(lines) // BATCH))]

    def store(number: int) -> None:
        batch = lines[number * BATCH : (number + 1) * BATCH]
        telemetry.engine.insert_arrow("otel_logs", _rows(batch, moments[number]))

    counted, began, began_cpu = 0, time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(1) as writer:
        # As on the platform, the next lines are stored while those that are stored are mined.
        written = [writer.submit(store, number) for number in range(len(moments))]
        for stored, moment in zip(written, moments, strict=True):
            stored.result()
            counted += patterns.tick(moment + LAG)
    spent, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    found = len(miner.patterns())
    return Timing(len(lines), len(set(lines)), spent, cpu, counted, found, patterns.evicted)


def _rows(lines: Sequence[str], received: datetime) -> pa.Table:
    moment = pa.scalar(received, pa.timestamp("ns", "UTC"))
    count = len(lines)
    return pa.table(
        {
            "Timestamp": pa.repeat(moment, count),
            "Received": pa.repeat(moment, count),
            "Entity": pa.repeat("service:eval/stream", count),
            "ServiceName": pa.repeat("stream", count),
            "SeverityNumber": pa.repeat(pa.scalar(9, pa.uint8()), count),
            "Body": pa.array(lines, pa.string()),
        }
    )


_Piece = str | tuple[str, int, str]
"""A text that stays, or what is drawn anew: its kind, its length, and what stood there."""


def _cut(source: Source) -> Iterator[list[_Piece]]:
    """Each line in pieces."""
    expressions = {template: _expression(template) for template in set(source.templates)}
    pairs = zip(source.lines, source.templates, strict=True)
    matches = [(line, template, expressions[template].match(line)) for line, template in pairs]
    lines = Counter(source.templates)
    seen: Counter[tuple[str, int, str]] = Counter()
    for _, template, match in matches:
        for slot, value in enumerate(match.groups() if match else (), start=1):
            seen.update({(template, slot, run.lower()) for run in _RUN.findall(value)})
    constant = {key for key, count in seen.items() if lines[key[0]] >= 3 and 2 * count > lines[key[0]]}
    for line, template, match in matches:
        yield list(_pieces(line, template, match, constant)) if match else [line]


def _expression(template: str) -> re.Pattern[str]:
    parts = [r"\s+".join(map(re.escape, re.split(r"\s+", part))) for part in template.split("<*>")]
    return re.compile("(.*?)".join(parts) + r"\s*\Z", re.DOTALL)


def _pieces(
    line: str, template: str, match: re.Match[str], constant: Container[tuple[str, int, str]]
) -> Iterator[_Piece]:
    """What varies is drawn anew; a word that most values of a place share is part of what is said there."""
    done = 0
    for group in range(1, match.re.groups + 1):
        start, end = match.span(group)
        yield line[done:start]
        yield VALUE
        done = start
        for run in _RUN.finditer(line[start:end]):
            yield line[done : start + run.start()]
            word = run.group()
            yield word if word.isalpha() and (template, group, word.lower()) in constant else _kind(word)
            done = start + run.end()
        yield line[done:end]
        done = end
    yield line[done:]


def _kind(run: str) -> _Piece:
    if run.isdecimal():
        return ("digits", len(run), run)
    if _HEX.match(run):
        return ("hex", len(run), run)
    if run.isalpha() and len(run) >= 4 and run.lower() not in _KEPT:
        return ("word", len(run), run)
    if not run.isalpha():
        return ("mixed", len(run), run)
    return run


def _fresh(pieces: Sequence[_Piece], chance: random.Random, words: Sequence[str]) -> str:
    name = 0
    out: list[str] = []
    for piece in pieces:
        if piece is VALUE:
            name = int(chance.random() * len(words))
        elif isinstance(piece, str):
            out.append(piece)
        else:
            out.append(_drawn(piece, chance, words[name]))
            name = (name * 31 + 7) % len(words) if piece[0] == "word" else name
    return "".join(out)


def _drawn(piece: tuple[str, int, str], chance: random.Random, word: str) -> str:
    kind, length, before = piece
    if kind == "digits":
        return str(int(10 ** (length - 1) + chance.random() * 9 * 10 ** (length - 1)))[:length]
    if kind == "hex":
        return f"{chance.getrandbits(4 * length):0{length}x}"
    if kind == "word":
        return word.upper() if before.isupper() else word.capitalize() if before[0].isupper() else word
    return "".join([str(int(chance.random() * 10)) if letter.isdecimal() else letter for letter in before])


def _word(chance: random.Random) -> str:
    """A word as a name could be: syllables of a consonant and a vowel."""
    syllables = [chance.choice("bcdfghjklmnprstvwz") + chance.choice("aeiou") for _ in range(chance.randint(2, 4))]
    return "".join(syllables) + chance.choice(("", "", "n", "r", "s"))
