"""The plug-in table: what implements what. Adding an implementation is one file, one line here, and its tests."""

from __future__ import annotations

import importlib
from typing import Any

TABLE: dict[str, dict[str, str]] = {
    "detector": {
        "anomaly": "wellkept.ops.detect.detectors.anomaly:Anomaly",
        "entity": "wellkept.ops.detect.detectors.entity:EntityAnomaly",
        "robust": "wellkept.ops.detect.detectors.robust:RobustAnomaly",
        "endpoint": "wellkept.ops.detect.detectors.endpoint:EndpointAnomaly",
        "exhaustion": "wellkept.ops.detect.detectors.exhaustion:Exhaustion",
        "leak": "wellkept.ops.detect.detectors.leak:Leak",
        "flat": "wellkept.ops.detect.detectors.flat:Flat",
        "level": "wellkept.ops.detect.detectors.level:LevelShift",
        "trend": "wellkept.ops.detect.detectors.trend:TrendBreak",
        "variance": "wellkept.ops.detect.detectors.variance:Variance",
        "traffic": "wellkept.ops.detect.detectors.traffic:Traffic",
        "restarts": "wellkept.ops.detect.detectors.restarts:Restarts",
        "replicas": "wellkept.ops.detect.detectors.replicas:Replicas",
        "states": "wellkept.ops.detect.detectors.states:States",
        "certificate": "wellkept.ops.detect.detectors.certificate:Certificate",
        "blind": "wellkept.ops.detect.detectors.blind:BlindSpot",
        "missing": "wellkept.ops.detect.detectors.missing:MissingData",
        "pattern_new": "wellkept.ops.detect.detectors.pattern_new:NewPattern",
        "pattern_rate": "wellkept.ops.detect.detectors.pattern_rate:PatternRate",
        "pattern_vanished": "wellkept.ops.detect.detectors.pattern_vanished:VanishedPattern",
        "pattern_parameter": "wellkept.ops.detect.detectors.pattern_parameter:PatternParameter",
    },
    "clue": {
        "headroom": "wellkept.ops.diagnose.clues.headroom:HeadroomClue",
        "gap": "wellkept.ops.diagnose.clues.gap:GapClue",
        "mass": "wellkept.ops.diagnose.clues.mass:MassClue",
        "structure": "wellkept.ops.diagnose.clues.structure:StructureClue",
        "errors": "wellkept.ops.diagnose.clues.errors:ErrorsClue",
        "exclusive": "wellkept.ops.diagnose.clues.exclusive:ExclusiveClue",
        "forecast": "wellkept.ops.diagnose.clues.forecast:ForecastClue",
        "missing": "wellkept.ops.diagnose.clues.missing:MissingClue",
        "starved": "wellkept.ops.diagnose.clues.starved:StarvedClue",
        "feed": "wellkept.ops.diagnose.clues.feed:FeedClue",
        "model": "wellkept.ops.diagnose.clues.model:ModelClue",
        "change": "wellkept.ops.diagnose.clues.change:ChangeClue",
        "deepest": "wellkept.ops.diagnose.clues.deepest:DeepestClue",
        "unusual": "wellkept.ops.diagnose.clues.unusual:UnusualClue",
    },
    "action": {
        "delete_old_logs": "wellkept.ops.remediate.actions.delete_old_logs:DeleteOldLogs",
        "restart_service": "wellkept.ops.remediate.actions.restart_service:RestartService",
        "run_command": "wellkept.ops.remediate.actions.run_command:RunCommand",
    },
    "executor": {
        "local": "wellkept.ml.train.executors.local:Local",
        "ray": "wellkept.ml.train.executors.ray:Ray",
    },
    "monitor": {
        "concept": "wellkept.ml.watch.monitors.concept:Concept",
        "drift": "wellkept.ml.watch.monitors.drift:Drift",
        "multivariate": "wellkept.ml.watch.monitors.multivariate:Multivariate",
        "nulls": "wellkept.ml.watch.monitors.nulls:Nulls",
        "schema": "wellkept.ml.watch.monitors.schema:Schema",
        "range": "wellkept.ml.watch.monitors.ranges:Ranges",
        "units": "wellkept.ml.watch.monitors.units:Units",
        "categories": "wellkept.ml.watch.monitors.newcategories:NewCategories",
        "sentinels": "wellkept.ml.watch.monitors.sentinels:Sentinels",
        "staleness": "wellkept.ml.watch.monitors.staleness:Staleness",
        "duplicates": "wellkept.ml.watch.monitors.duplicates:Duplicates",
        "versions": "wellkept.ml.watch.monitors.versions:Versions",
        "labelfeed": "wellkept.ml.watch.monitors.labelfeed:LabelFeedMonitor",
        "labelstorm": "wellkept.ml.watch.monitors.labelstorm:LabelStorm",
        "labelclock": "wellkept.ml.watch.monitors.labelclock:LabelClock",
        "labelconflict": "wellkept.ml.watch.monitors.labelconflict:LabelConflict",
        "performance": "wellkept.ml.watch.monitors.performance:Performance",
        "coverage": "wellkept.ml.watch.monitors.coverage:Coverage",
        "estimated": "wellkept.ml.watch.monitors.estimated:EstimatedPerformance",
        "slowloss": "wellkept.ml.watch.monitors.slowloss:SlowLoss",
        "silence": "wellkept.ml.watch.monitors.silence:Silence",
        "skew": "wellkept.ml.watch.monitors.skew:Skew",
    },
    "connector": {
        "parquet": "wellkept.ml.data.connectors.parquet:ParquetFiles",
        "csv": "wellkept.ml.data.connectors.csv:CsvFiles",
        "sql": "wellkept.ml.data.connectors.sql:SqlQuery",
        "adbc": "wellkept.ml.data.connectors.adbc:AdbcQuery",
        "telemetry": "wellkept.ml.data.connectors.telemetry:TelemetrySeries",
    },
}


def load(kind: str) -> dict[str, Any]:
    """The implementations of a kind, by name: classes, in the table's order."""
    return {name: _attribute(place) for name, place in TABLE[kind].items()}


def load_one(kind: str, name: str) -> Any:
    """One implementation of a kind; nothing else of it is imported."""
    return _attribute(TABLE[kind][name])


def _attribute(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
