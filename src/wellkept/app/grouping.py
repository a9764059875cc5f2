"""Grouping rules, wired: the files of the configuration are read again when they change."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellkept.kernel.grouping import GroupRule
from wellkept.ops.correlate.rules.document import RuleFiles, read_rules, text_of

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

_log = logging.getLogger(__name__)


class GroupingRules:
    """Keeps the desk's rules of files as the files are."""

    def __init__(self, platform: Platform, paths: Sequence[Path]) -> None:
        self._desk, self._files = platform.grouping, RuleFiles(paths)
        self.tick(platform.clock.now())

    @property
    def mistakes(self) -> dict[str, str]:
        """What is wrong with files, by their names."""
        return dict(self._files.mistakes)

    def tick(self, now: datetime) -> None:
        """Look whether a file changed."""
        if self._files.refresh():
            self._desk.use_files(self._files.stored(now))
            for mistakes in self._files.mistakes.values():
                _log.warning("grouping rules: %s (what it held before still counts)", mistakes)


def rule_texts(file: Path) -> list[dict[str, Any]]:
    """The grouping rules of a file as plain JSON; see :func:`check_grouping` for errors."""
    return [text_of(rule) for rule in read_rules(file)]


def check_grouping(file: Path) -> tuple[GroupRule, ...]:
    """The grouping rules of a file.

    Raises:
        NotFoundError: it is not there.
        DocumentError: every mistake, with line, field, rule and value.
    """
    return read_rules(file)
