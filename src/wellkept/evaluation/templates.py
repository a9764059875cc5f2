"""Scores of a log parser against labels: GA, FGA, PA and FTA, by their definitions in the LogHub-2.0 benchmark."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

MEASURES = ("ga", "fga", "pa", "fta")


def scores(groups: Sequence[int], texts: Sequence[str], truth: Sequence[str]) -> dict[str, float]:
    """How well lines were grouped and named.

    ``groups``: which group each line was put in; ``texts``: the template of each line, ``<*>`` for a value; ``truth``:
    the labelled template. Runs of blanks count as one. The result:

    - ``ga``: share of lines whose group is, line for line, a labelled group;
    - ``fga``: F1 of groups, exact ones over those found and over those labelled;
    - ``pa``: share of lines whose template is the labelled one, text for text;
    - ``fta``: F1 of templates: one is right where all of its lines, and only by text, have it as their label.
    """
    labelled = [" ".join(text.split()) for text in truth]
    found = [" ".join(text.split()) for text in texts]
    by_group: dict[int, list[int]] = defaultdict(list)
    by_label: dict[str, list[int]] = defaultdict(list)
    labels_of: dict[str, set[str]] = defaultdict(set)
    for line, (group, text, label) in enumerate(zip(groups, found, labelled, strict=True)):
        by_group[group].append(line)
        by_label[label].append(line)
        labels_of[text].add(label)
    exact = {tuple(lines) for lines in by_group.values()} & {tuple(lines) for lines in by_label.values()}
    right = sum(1 for text, labels in labels_of.items() if labels == {text})
    return {
        "ga": sum(len(lines) for lines in exact) / max(len(labelled), 1),
        "fga": f1(len(exact) / max(len(by_group), 1), len(exact) / max(len(by_label), 1)),
        "pa": sum(text == label for text, label in zip(found, labelled, strict=True)) / max(len(labelled), 1),
        "fta": f1(right / max(len(labels_of), 1), right / max(len(by_label), 1)),
    }


def f1(precision: float, recall: float) -> float:
    """The harmonic mean; 0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
