"""What a target's page says about its metrics: type, help and unit of each family, and which family a series is of."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wellkept.ops.ingest.scrape.exposition import Comment, Kind, comment_of, help_of, kind_of

_SUFFIXES = {
    Kind.COUNTER: ("_total",),
    Kind.HISTOGRAM: ("_bucket", "_sum", "_count"),
    Kind.GAUGEHISTOGRAM: ("_bucket", "_gsum", "_gcount"),
    Kind.SUMMARY: ("_sum", "_count"),
    Kind.INFO: ("_info",),
}
"""What the names of series have behind their family's. ``_created`` is a time, and of no family's type."""


@dataclass(frozen=True, slots=True)
class Family:
    """What is said about a family."""

    kind: Kind = Kind.UNKNOWN
    help: str = ""
    unit: str = ""


UNTOLD = Family()


class Families:
    """Families by name. ``version`` grows whenever something else is said than before."""

    def __init__(self, version: int = 0) -> None:
        self.version = version
        self._families: dict[str, Family] = {}
        self._told: dict[str, str] = {}

    def hear(self, line: str) -> None:
        """Take a line that begins with #.

        Raises:
            ScrapeError: it names a type that is none.
        """
        # A page says the same in every scrape: a line is looked at only when it is not the last of its beginning.
        head, _, text = line.partition(" ")[2].partition(" ")
        key = f"{head} {text.partition(' ')[0]}"
        if self._told.get(key) == line:
            return
        comment = comment_of(line)
        if comment is None:
            return
        known = self._families.get(comment.name, UNTOLD)
        said = _said(known, comment)
        self._told[key] = line
        if said != known:
            self._families[comment.name] = said
            self.version += 1

    def of(self, name: str) -> Family:
        """The family of a series; one of which nothing is said where there is none."""
        if name in self._families:
            return self._families[name]
        head, mark, suffix = name.rpartition("_")
        family = self._families.get(head, UNTOLD)
        return family if mark and f"_{suffix}" in _SUFFIXES.get(family.kind, ()) else UNTOLD


def _said(known: Family, comment: Comment) -> Family:
    if comment.word == "TYPE":
        return replace(known, kind=kind_of(comment))
    if comment.word == "HELP":
        return replace(known, help=help_of(comment))
    return replace(known, unit=comment.text.strip())
