"""A model card as Markdown and as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import numpy as np

from wellkept.kernel.verdict import Judgement, Verdict
from wellkept.ml.contract import ModelContract
from wellkept.ml.evaluate.card.charts import Picture
from wellkept.ml.evaluate.card.plots import pictures
from wellkept.ml.evaluate.card.sections import Row, Section, number, tried
from wellkept.ml.evaluate.looks import in_words
from wellkept.ml.outcome import Outcome
from wellkept.ml.sample import interval_of, value_of
from wellkept.ml.tasks import CUSTOM, LOWER_IS_BETTER, is_own

SEED = 7
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:980px;margin:2rem auto;padding:0 1rem;color:#22262b;background:#fff}
table{border-collapse:collapse;margin:.6rem 0 1.4rem}th,td{padding:.25rem .8rem .25rem 0;text-align:left;
border-bottom:1px solid #8883;vertical-align:top}td.n{font-variant-numeric:tabular-nums}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:1.4rem}
figure{margin:0}figcaption{font-size:13px;opacity:.75}svg{max-width:100%;height:auto}
p,code{overflow-wrap:anywhere}.table{overflow-x:auto}.fail{color:#b42318}.pass{color:#1a7f4b}
@media (prefers-color-scheme:dark){body{color:#dfe3e8;background:#16181c}.fail{color:#ff8a80}.pass{color:#7bd6a3}}
"""


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says, before it has a form."""

    title: str
    lead: str
    passed: bool
    sections: tuple[Section, ...]
    plots: tuple[Picture, ...]


def make_card(contract: ModelContract, outcome: Outcome, verdict: Verdict, lineage: Mapping[str, str]) -> Card:
    """The card of a version: its figures beside champion and baseline, its checks, its weak spots, what it is from."""
    passed = verdict.judgement is Judgement.PASS
    asks = contract.description or f"A model of the task {contract.task.replace('_', ' ')}."
    inputs = [
        (entry.name, entry.type, entry.source, "may be missing" if entry.nullable else "always there")
        for entry in contract.inputs
    ]
    checks = [(c.name, "passed" if c.passed else "FAILED", c.value, c.limit, c.sentence) for c in verdict.checks]
    sections = (
        Section("Figures", _held_out(contract, outcome), ("metric", "model", "90 % interval", "champion", "baseline"),
                _figures(contract, outcome)),
        Section("Gates", f"{verdict.sentence}. {in_words(contract, outcome)}",
                ("check", "result", "value", "limit", "in words"), checks),
        *tried(contract, outcome),
        Section("Inputs", "What a request carries.", ("name", "type", "from", "missing"), inputs),
        Section("Origin", "", ("what", "value"), sorted((k, v) for k, v in lineage.items() if v)),
    )  # fmt: skip
    lead = f"{asks} Owned by {contract.owner}. Judged {verdict.at:%Y-%m-%d %H:%M} UTC; version {verdict.subject}."
    return Card(f"Model card: {contract.name}", lead, passed, sections, tuple(pictures(contract, outcome)))


def card_files(card: Card) -> dict[str, bytes]:
    """The card's files: ``card.html``, ``card.md``, and the pictures that the latter shows."""
    found = {"card.html": as_html(card), "card.md": as_markdown(card)}
    found |= {f"{plot.name}.svg": plot.svg for plot in card.plots}
    return {name: text.encode("utf-8") for name, text in found.items()}


def as_markdown(card: Card) -> str:
    """The card as Markdown; its pictures are files beside it."""
    lines = [f"# {_plain(card.title)}", "", _plain(card.lead), ""]
    lines += [f"**{'It passed its gates.' if card.passed else 'It did not pass its gates.'}**", ""]
    for section in card.sections:
        lines += [f"## {section.title}", ""]
        lines += [_plain(section.words), ""] if section.words else []
        lines += [f"| {' | '.join(section.columns)} |", f"|{'---|' * len(section.columns)}"]
        lines += [f"| {' | '.join(_plain(cell) for cell in row)} |" for row in section.rows] + [""]
    lines += ["## Plots", ""] if card.plots else []
    for plot in card.plots:
        lines += [f"![{_plain(plot.title)}]({plot.name}.svg)", ""]
    return "\n".join(lines)


def as_html(card: Card) -> str:
    """The card as one page, pictures inside; every text is escaped, and it needs no script."""
    word = (
        '<p class="pass">It passed its gates.</p>' if card.passed else '<p class="fail">It did not pass its gates.</p>'
    )
    body = [f"<h1>{escape(card.title)}</h1><p>{escape(card.lead)}</p>{word}"]
    for section in card.sections:
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in section.columns)
        rows = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in section.rows)
        words = f"<p>{escape(section.words)}</p>" if section.words else ""
        table = f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        body.append(f"<h2>{escape(section.title)}</h2>{words}{table}")
    shown = "".join(f"<figure><figcaption>{escape(plot.title)}</figcaption>{plot.svg}</figure>" for plot in card.plots)
    if shown:
        body.insert(2, f'<h2>Plots</h2><div class="plots">{shown}</div>')
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(card.title)}</title>'
    )
    return (
        f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{"".join(body)}</body></html>\n'
    )


def _held_out(contract: ModelContract, outcome: Outcome) -> str:
    count = len(outcome.label)
    if contract.task == "ranking":
        return f"On {count} held-out choices, each ranked among all that its user had not chosen."
    if contract.forecast is not None:
        return f"On the newest {contract.forecast.horizon} moments of all items: {count} held-out rows."
    which = "newest" if outcome.at is not None else "last"
    return f"On the {which} {count} rows, which training has not seen."


def _figures(contract: ModelContract, outcome: Outcome) -> list[Row]:
    sample = outcome.sample
    rows: list[Row] = []
    for name in dict.fromkeys((contract.metrics.primary, *contract.metrics.others)):
        if is_own(name):
            rows.append((name, number(outcome.own.get(name.removeprefix(CUSTOM), np.nan)), "", "", ""))
            continue
        low, high = interval_of(name, sample, SEED)
        simplest = None if outcome.baseline is None else sample.scored(outcome.baseline)
        rivals = ["" if one is None else number(value_of(name, one)) for one in (outcome.rival, simplest)]
        better = f"{name} ({'lower' if name in LOWER_IS_BETTER else 'higher'} is better)"
        rows.append((better, number(value_of(name, sample)), f"{number(low)} to {number(high)}", *rivals))
    return rows


def _cell(text: str) -> str:
    kind = ' class="fail"' if text == "FAILED" else ""
    return f"<td{kind}>{escape(text)}</td>"


def _plain(text: str) -> str:
    """A text inside Markdown: on one line, with nothing that would be taken for Markdown or HTML."""
    plain = " ".join(str(text).split())
    for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("`", "\\`"), ("[", "\\[")):
        plain = plain.replace(sign, written)
    return plain
