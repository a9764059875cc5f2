"""Models that are served elsewhere and only log: attached by their contract, followed by the versions they report."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import Clock
from wellkept.kernel.entity import model_id
from wellkept.kernel.errors import ConflictError, NotFoundError, WellkeptError
from wellkept.kernel.finding import Finding
from wellkept.ml.contract import ModelContract, digest_of, parse_contract
from wellkept.ml.releases import Releases
from wellkept.ml.watch import learned
from wellkept.ml.watch.base import is_about
from wellkept.ml.watch.learned import Learning
from wellkept.ml.watch.recent import Recent, slot
from wellkept.ml.watch.rows import of_frame
from wellkept.spine.audit import Audit
from wellkept.spine.registry import (
    CHAMPION,
    PREVIOUS,
    REPORTED,
    WATCHED,
    ModelVersion,
    Registry,
    VersionState,
)
from wellkept.store.artifacts.artifacts import Artifacts
from wellkept.store.telemetry.logged import LoggedVersion

ACTOR = "wellkept"
LEAST_NEW = 20
"""Predictions with a name that nobody knows, from which on it is a version: fewer may be a test or a mistake."""
MOST_NEW = 10
"""New versions of a model in a day; of more names than that none is a version's."""
TAKES_OVER, BEYOND = 0.55, 1.5
"""The version that makes this share of the newest predictions, and this times the root of their number more (three
standard deviations of a half), is the one that is live: of two that share the traffic, neither takes over again and
again."""
AHEAD_S = 300.0
"""So far may clocks of senders be ahead."""
KNOWN_DAYS = 30

_log = logging.getLogger(__name__)


class Log(Protocol):
    """What is read of the log of predictions."""

    def versions(self, model: str, start: datetime, end: datetime) -> list[LoggedVersion]: ...

    def first(
        self, model: str, version: str, start: datetime, end: datetime, limit: int, *, known_by: datetime
    ) -> pa.Table: ...

    def models(self, since: datetime) -> pa.Table: ...


class Told(Protocol):
    """What is needed of the stream."""

    def record(self, change: Change) -> None: ...

    def open_findings(self, detector_prefix: str = "") -> list[Finding]: ...

    def close(self, fingerprints: Iterable[str], at: datetime) -> list[Finding]: ...


@dataclass(frozen=True, slots=True)
class Attachment:
    """What is asked for: the contract's text, the name of the version (empty: whichever is heard of first), and how
    many of its first predictions are its reference where no rows are given (0: what the contract's windows suggest).
    """

    contract: str
    version: str = ""
    learn: int = 0
    by: str = "operator"


class Attachments:
    """Attaches, lists, detaches, and follows what is logged. All of its state is in the registry."""

    def __init__(
        self,
        registry: Registry,
        artifacts: Artifacts,
        releases: Releases,
        stream: Told,
        audit: Audit,
        log: Log,
        clock: Clock,
    ) -> None:
        self._registry, self._artifacts, self._releases = registry, artifacts, releases
        self._stream, self._audit, self._logged, self._clock = stream, audit, log, clock
        self._recent = Recent()

    def attach(self, wanted: Attachment, rows: pa.Table | None = None) -> dict[str, Any]:
        """Watch a model that is served elsewhere; the same again takes the newer contract and rows.

        Raises:
            DocumentError: the contract breaks a rule.
            ConflictError: a model of this name is served here.
            InputError: the rows do not fit the contract.
        """
        contract, now = parse_contract(wanted.contract, "model.yaml"), self._clock.now()
        champion = self._registry.alias(contract.name, CHAMPION)
        if champion is not None and not champion.is_elsewhere:
            raise ConflictError(f"model {contract.name}", "is served here, and watched already", str(champion.number))
        columns = of_frame(rows, contract) if rows is not None else None
        text = self._artifacts.put_bytes(wanted.contract.encode())
        self._registry.save_contract(contract.name, wanted.contract, digest_of(wanted.contract.encode()), now)
        start = learned.begun(wanted.learn or learned.enough(contract), self._since(contract.name, wanted.version, now))
        version = self._version(contract.name, wanted.version, now, {"attached.by": wanted.by})
        notes = {"contract": text, **(start if not version.artifact or wanted.learn else {})}
        version = replace(version, lineage={**version.lineage, **notes})
        if columns is not None:
            version = learned.given(version, columns, contract, self._artifacts)
        self._registry.update(version)
        self._lead(version, champion, now, f"watch.attach by {wanted.by}")
        told = {"version": version.called, "digest": version.digest, "reference": learned.state_of(version)}
        self._audit.append(now, wanted.by, "watch.attached", model_id(contract.name), told)
        return self.show(contract.name)

    def measure(self, model: str, version: str, rows: pa.Table, by: str) -> dict[str, Any]:
        """Give an attached model rows to measure a version (empty: the live one) against.

        Raises:
            NotFoundError: there is no such model or version, or it is not attached.
            InputError: the rows do not fit the contract.
        """
        champion, now = self._attached(model), self._clock.now()
        chosen = next((one for one in self._registry.versions(model) if version in (one.logged_as, one.digest)), None)
        if version and chosen is None:
            raise NotFoundError(f"model {model}", "has no such version", version)
        contract, chosen = self._releases.contract(champion), chosen or champion
        found = learned.given(chosen, of_frame(rows, contract), contract, self._artifacts)
        self._registry.update(found)
        told = {"version": found.called, "rows": rows.num_rows, "metrics": dict(found.metrics)}
        self._audit.append(now, by, "watch.measured", model_id(model), told)
        return self.show(model)

    def detach(self, model: str, by: str) -> dict[str, Any]:
        """Watch a model no more. Its predictions, versions and what was found stay; open findings end.

        Raises:
            NotFoundError: there is no such model, or it is not attached.
        """
        champion, now = self._attached(model), self._clock.now()
        for alias in (CHAMPION, PREVIOUS):
            digest = self._registry.aliases(model).get(alias)
            if digest:
                self._registry.set_alias(model, alias, "", expected=digest, at=now, by=f"watch.detach by {by}")
        mine = [finding.fingerprint for finding in self._stream.open_findings() if is_about(finding, model)]
        self._stream.close(sorted(mine), now)
        self._audit.append(now, by, "watch.detached", model_id(model), {"version": champion.called})
        return {"model": model, "version": champion.called, "findings_ended": len(mine)}

    def all(self) -> list[dict[str, Any]]:
        """Every model that is attached."""
        return [self.show(model) for model in self._registry.models() if self._is_attached(model)]

    def show(self, model: str) -> dict[str, Any]:
        """One attached model: its versions, how much each predicted, and what they are measured against.

        Raises:
            NotFoundError: there is no such model, or it is not attached.
        """
        champion, now = self._attached(model), self._clock.now()
        end = now + timedelta(seconds=AHEAD_S)
        seen = self._logged.versions(model, now - timedelta(days=KNOWN_DAYS), end)
        counts = {one.name: one for one in seen}
        first = {one.name: one for one in self._logged.versions(model, learned.since_of(champion), end)}
        known = [version for version in self._registry.versions(model) if version.is_elsewhere]
        return {
            "model": model,
            "version": champion.lineage.get(REPORTED, ""),
            "reference": learned.sentence(champion, first.get(champion.logged_as)),
            "versions": [_told(version, counts.get(version.logged_as), champion) for version in known],
            "unknown": {one.name: one.predictions for one in seen if one.name not in {v.logged_as for v in known}},
        }

    def others(self) -> dict[str, int]:
        """Models that logged predictions within a day and that nobody has registered: how many they were."""
        known = set(self._registry.models())
        rows = self._logged.models(self._clock.now() - timedelta(days=1)).to_pylist()
        return {row["model"]: row["predictions"] for row in rows if row["model"] not in known}

    def follow(self, now: datetime) -> None:
        """Look at what attached models logged: new versions are registered, and what has enough rows is learned."""
        for model in self._registry.models():
            champion = self._registry.alias(model, CHAMPION)
            if champion is None or not champion.is_elsewhere:
                continue
            try:
                contract = self._releases.contract(champion)
                champion = self._heard(contract, champion, now)
                self._learn(contract, champion, now)
            except WellkeptError:
                _log.exception("attached model %s cannot be followed", model)

    def _heard(self, contract: ModelContract, champion: ModelVersion, now: datetime) -> ModelVersion:
        """Register the versions that are new, and follow the one that took over; gives the champion."""
        window = timedelta(seconds=contract.monitors.drift.window_s)
        seen = self._versions(contract.name, window, now)
        names = {version.logged_as for version in self._registry.versions(contract.name)}
        if REPORTED not in champion.lineage and seen and seen[0].name not in names:
            champion = replace(champion, lineage={**champion.lineage, REPORTED: seen[0].name})
            self._registry.update(champion)
            names.add(seen[0].name)
        fresh = [one for one in seen if one.name not in names and one.predictions >= LEAST_NEW]
        if len(fresh) + self._new_lately(contract.name, now) <= MOST_NEW:
            for one in fresh:
                self._registered(contract, champion, one, now)
        newest = self._versions(contract.name, window / 4, now)
        total = sum(one.predictions for one in newest)
        least = TAKES_OVER * total + BEYOND * math.sqrt(total)
        ahead = next((one for one in newest if total >= LEAST_NEW and one.predictions >= least), None)
        if ahead is None or ahead.name == champion.logged_as:
            return champion
        version = next((v for v in self._registry.versions(contract.name) if v.logged_as == ahead.name), None)
        if version is None or not version.is_elsewhere:
            return champion
        self._lead(version, champion, now, ACTOR, ahead.first)
        return version

    def _versions(self, model: str, span: timedelta, now: datetime) -> list[LoggedVersion]:
        """The versions that predictions of the newest span named, as of a moment ago."""
        return self._recent.once(
            (model, span),
            slot(now.timestamp(), span.total_seconds()),
            lambda: self._logged.versions(model, now - span, now + timedelta(seconds=AHEAD_S)),
        )

    def _registered(self, contract: ModelContract, champion: ModelVersion, one: LoggedVersion, now: datetime) -> None:
        """A version that was heard of for the first time; until it has a reference of its own, the champion's holds."""
        started = learned.begun(learned.rows_of(champion) or learned.enough(contract), one.first)
        notes = {"contract": champion.lineage.get("contract", ""), **started, **learned.inherited(champion)}
        version = self._version(contract.name, one.name, one.first, notes)
        self._registry.update(replace(version, artifact=champion.artifact))
        summary = f"version {one.name} of {contract.name} began to answer beside version {champion.called}"
        self._tell(version, champion, one.first, summary)
        told = {"version": one.name, "beside": champion.called, "first": one.first.isoformat()}
        self._audit.append(now, ACTOR, "watch.version", model_id(contract.name), told)

    def _lead(
        self, version: ModelVersion, before: ModelVersion | None, now: datetime, by: str, since: datetime | None = None
    ) -> None:
        """Point to the version that is live, and tell of the change."""
        if before is not None and before.digest == version.digest:
            return
        expected = before.digest if before else None
        self._registry.set_alias(version.model, CHAMPION, version.digest, expected=expected, at=now, by=by)
        if before is None:
            return
        previous = self._registry.aliases(version.model).get(PREVIOUS)
        self._registry.set_alias(version.model, PREVIOUS, before.digest, expected=previous, at=now, by=by)
        summary = f"version {version.called} of {version.model} took over from version {before.called}"
        self._tell(version, before, since or now, summary)

    def _tell(self, version: ModelVersion, before: ModelVersion, at: datetime, summary: str) -> None:
        about = {"digest": version.digest, "before": before.digest, "version": version.called}
        where = model_id(version.model)
        self._stream.record(Change(where, ChangeKind.PROMOTION, at, ACTOR, f"{summary} (served elsewhere)", "", about))

    def _learn(self, contract: ModelContract, champion: ModelVersion, now: datetime) -> None:
        learning = Learning(self._artifacts, self._logged)
        about = [finding for finding in self._stream.open_findings() if is_about(finding, contract.name)]
        found = learning.learned(contract, champion, about, now)
        if found is not None:
            self._registry.update(found)
            told = {"version": found.called, "reference": learned.state_of(found), "metrics": dict(found.metrics)}
            self._audit.append(now, ACTOR, "watch.learned", model_id(contract.name), told)

    def _version(self, model: str, name: str, at: datetime, notes: Mapping[str, str]) -> ModelVersion:
        """The version of a name: the one that is known, or a new one."""
        known = [version for version in self._registry.versions(model) if version.is_elsewhere]
        found = next((version for version in known if version.lineage.get(REPORTED, "") == name), None)
        if found is None and not name:
            found = self._registry.alias(model, CHAMPION)
        if found is not None:
            return found
        lineage = {**notes, **({REPORTED: name} if name else {})}
        digest = digest_of(f"{WATCHED}:{model}:{name}:{'' if name else at.isoformat()}".encode())
        draft = ModelVersion(model, digest, at, "", WATCHED, "", lineage=lineage, state=VersionState.UNJUDGED)
        return self._registry.register(draft)

    def _since(self, model: str, name: str, now: datetime) -> datetime:
        """From when on predictions are its first: now, or, of what was logged before, when that began."""
        seen = self._logged.versions(model, now - timedelta(days=KNOWN_DAYS), now)
        return min((one.first for one in seen if name in ("", one.name)), default=now)

    def _new_lately(self, model: str, now: datetime) -> int:
        since = now - timedelta(days=1)
        mine = [version for version in self._registry.versions(model) if version.is_elsewhere]
        return sum(version.created_at >= since and "attached.by" not in version.lineage for version in mine)

    def _is_attached(self, model: str) -> bool:
        champion = self._registry.alias(model, CHAMPION)
        return champion is not None and champion.is_elsewhere

    def _attached(self, model: str) -> ModelVersion:
        champion = self._registry.alias(model, CHAMPION)
        if champion is None or not champion.is_elsewhere:
            raise NotFoundError(f"model {model}", "is not attached; `wellkept watch attach model.yaml` attaches it")
        return champion


def _told(version: ModelVersion, seen: LoggedVersion | None, champion: ModelVersion) -> dict[str, Any]:
    return {
        "version": version.lineage.get(REPORTED, ""),
        "digest": version.digest,
        "is_live": version.digest == champion.digest,
        "predictions": seen.predictions if seen else 0,
        "first": seen.first.isoformat() if seen else None,
        "last": seen.last.isoformat() if seen else None,
        "reference": learned.state_of(version),
        "metrics": dict(version.metrics),
    }
