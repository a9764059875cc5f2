"""A target's labels on a page's series, and what happens where both have one of the same name."""

from __future__ import annotations

from collections.abc import Mapping

from wellkept.ops.ingest.scrape.base import Labels, sorted_labels

EXPORTED = "exported_"


def attached(exposed: Mapping[str, str], of_target: Labels, *, honor_exposed: bool) -> Labels:
    """The labels of a series.

    With ``honor_exposed`` the page's label stays, even an empty one: so a gateway says that a series has no instance.
    Without it the target's label stays, and the page's is renamed, until its name is nobody's.
    """
    if honor_exposed:
        return sorted_labels({**dict(of_target), **exposed})
    labels = dict(exposed)
    moved: dict[str, str] = {}
    for name, value in of_target:
        if labels.get(name):
            moved[name] = labels[name]
        labels[name] = value
    for name, value in moved.items():
        other = EXPORTED + name
        while other in labels:
            other = EXPORTED + other
        labels[other] = value
    return sorted_labels(labels)
