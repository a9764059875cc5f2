"""Silence: what says nothing any more is a suspect, unless what it runs on is silent too."""

from __future__ import annotations

from collections.abc import Mapping

from wellkept.kernel.conventions import PROBED
from wellkept.kernel.diagnosis import Fault, Look
from wellkept.kernel.finding import FindingKind
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import bare


class MissingClue:
    """A missing reporter is a strong suspect; it is hardly one when something that it depends on is missing too.

    What a probe cannot reach is felt as users feel it: something behind it is the cause, where that is silent itself.
    """

    kind = "missing"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        silent = {
            finding.entity: finding
            for finding in case.findings
            if finding.kind is FindingKind.MISSING_DATA and finding.entity
        }
        hints: dict[str, Hint] = {}
        for entity, finding in sorted(silent.items()):
            pointer = case.pointer(Look.FINDING, finding.id, entity)
            below = sorted(silent.keys() & case.graph.dependencies(entity, 2).keys())
            if finding.signal == PROBED and not below:
                sentence = f"{finding.sentence} A probe tells what users feel, and not what is behind it."
                hints[entity] = Hint(0.4, sentence, fault=Fault.SILENT, pointers=(pointer,))
            elif below:
                hints[entity] = Hint(
                    0.2,
                    f"{bare(entity)} is silent, but so is {bare(below[0])}, which it depends on.",
                    fault=Fault.SILENT,
                    pointers=(pointer,),
                )
            else:
                hints[entity] = Hint(1.0, finding.sentence, fault=Fault.SILENT, pointers=(pointer,))
        return hints
