"""What feeds a model: features that drifted or broke point at their source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from wellkept.kernel.diagnosis import Fault, Look
from wellkept.kernel.entity import EdgeKind
from wellkept.kernel.finding import FindingKind
from wellkept.ops.diagnose.base import Case, Hint
from wellkept.ops.diagnose.contrast import bare


class FeedClue:
    """The share of the features that a source feeds which drifted or broke, among those that it feeds.

    Drift alone does not accuse: the source must also be in trouble itself, or feed broken data (data quality), since
    a world that changed drifts features too.
    """

    kind = "feed"

    def weigh(self, case: Case) -> Mapping[str, Hint]:
        sick = {
            finding.entity: finding.kind
            for finding in sorted(case.findings, key=lambda f: f.kind is FindingKind.DATA_QUALITY)
            if finding.kind in (FindingKind.DRIFT, FindingKind.DATA_QUALITY)
        }
        fed: dict[str, list[str]] = defaultdict(list)
        for feature in sorted(sick):
            for source in case.graph.below(feature, EdgeKind.FED_BY):
                fed[source].append(feature)
        hints: dict[str, Hint] = {}
        for source, features in sorted(fed.items()):
            broken = [feature for feature in features if sick[feature] is FindingKind.DATA_QUALITY]
            if not broken and not case.found(source):
                continue
            all_fed = case.graph.above(source, EdgeKind.FED_BY)
            share = len(features) / max(1, len(all_fed))
            hints[source] = Hint(
                0.4 + 0.6 * share,
                f"{len(features)} of the {len(all_fed)} features that {bare(source)} feeds went bad "
                f"({', '.join(bare(feature) for feature in features[:3])}).",
                fault=Fault.DATA,
                pointers=tuple(
                    case.pointer(Look.FINDING, found.id, feature)
                    for feature in features[:3]
                    for found in case.found(feature)[:1]
                ),
            )
        return hints
