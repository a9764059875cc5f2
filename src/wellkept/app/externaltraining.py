"""Retrains that an external CI runs: asked for by a signed webhook, waited for durably, judged here.

The CI gets the older rows and a token for this run alone. What it says about its model counts for nothing: the model's
files are loaded in a process of their own, and judged on rows that never left.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from wellkept.app.externalreport import checked_report, files_of, read_report
from wellkept.app.trainingorder import Order, spans
from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.errors import ConflictError, NotFoundError, TrainingError, WellkeptError
from wellkept.ml.codeprocess import brings_code
from wellkept.ml.contract import ModelContract, digest_of
from wellkept.ml.oversight import Oversight, present
from wellkept.ml.owncode import code_files, sources_of
from wellkept.ml.process import run_worker
from wellkept.ml.train.executors.base import Work
from wellkept.ml.train.executors.local import Local
from wellkept.ml.train.stage import WORKER as TRAINING
from wellkept.spine.action import Interrupted
from wellkept.spine.audit import Audit
from wellkept.spine.journal import Journal
from wellkept.spine.webhooks.events import Event, event
from wellkept.spine.webhooks.outbox import ADDRESSED, Outbox
from wellkept.spine.webhooks.runtoken import RunTokens
from wellkept.store.artifacts.artifacts import Artifacts
from wellkept.store.state.externalruns import DONE, EXPIRED, FAILED, REPORTED, WAITING, ExternalRun, ExternalRunRows

log = logging.getLogger(__name__)

WORKER = "wellkept.ml.train.external"
LOOK_EVERY_S = 0.5
MOST_FILES = 20
"""Different files that a run may send: a model has two, its tests' results are one, and some may be sent anew."""
UNTOLD = frozenset({"rows", "hook", "inputs", "columns"})
"""What a message leaves out of a run: addresses of our own, and what stands in the contract that the CI has, too."""
ENDPOINTS = "/api/v1/external"


class ExternalRuns:
    """The runs: what a CI reads of them and reports, and the executor of each."""

    def __init__(
        self,
        rows: ExternalRunRows,
        artifacts: Artifacts,
        outbox: Outbox,
        tokens: RunTokens,
        audit: Audit,
        clock: Clock,
        where: Callable[[], str],
    ) -> None:
        """``where`` tells the address under which the CI reaches this platform."""
        self._rows, self.artifacts, self._outbox, self._tokens = rows, artifacts, outbox, tokens
        self._audit, self._clock, self._where, self._stopping = audit, clock, where, threading.Event()
        self._sent: dict[str, set[str]] = {}
        outbox.seal_with(self.seal)

    def executor(self, contract: ModelContract, journal: Journal, order: Order) -> CiExecutor:
        """What runs the training of one retrain."""
        return CiExecutor(self, contract, journal, order)

    def close(self) -> None:
        """Let go of everything that waits; it goes on at the next start."""
        self._stopping.set()

    def seal(self, body: dict[str, Any]) -> dict[str, Any]:
        """An event with the run's token, which is in no store."""
        run = self._rows.get(str(body["data"].get("run", "")))
        if run is None:
            return body
        return {**body, "data": {**body["data"], "token": self._tokens.token(run.id, run.expires_at)}}

    def run(self, run_id: str) -> ExternalRun:
        """A run.

        Raises:
            NotFoundError: there is none of that id.
        """
        found = self._rows.get(run_id)
        if found is None:
            raise NotFoundError(f"run {run_id}", "is not known")
        return found

    def runs(self, model: str | None, limit: int) -> list[ExternalRun]:
        """Runs, newest first."""
        return self._rows.recent(model, limit)

    def training_rows(self, run_id: str) -> bytes:
        """The Parquet file that a run is to be trained on.

        Raises:
            NotFoundError: there is no such run.
            ConflictError: it does not wait any more.
        """
        run = self.run(run_id)
        self._check_waits(run)
        return self.artifacts.get_bytes(str(run.body["rows"]))

    def keep_file(self, run_id: str, data: bytes) -> str:
        """Keep a file of a run's model under its digest, which the report then names.

        Raises:
            NotFoundError, ConflictError: as for :meth:`training_rows`; or it has sent too many files.
        """
        run, digest = self.run(run_id), digest_of(data)
        if run.report is not None and digest in (*run.report["files"].values(), run.report["junit"]):
            return digest  # it was reported already, and is sent once more
        self._check_waits(run)
        sent = self._sent.setdefault(run_id, set())
        if digest not in sent and len(sent) >= MOST_FILES:
            raise ConflictError(f"run {run_id}", f"has sent {MOST_FILES} different files, and may send no more")
        sent.add(digest)
        return self.artifacts.put_bytes(data)

    def report(self, run_id: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Take what a CI says of a run. The same report again changes nothing and is answered alike.

        Raises:
            NotFoundError: there is no such run, or a file that it names was not sent.
            ConflictError: it has expired, is over, or was reported on otherwise.
            InputError: the report breaks a rule; names the field.
        """
        run, report = self.run(run_id), read_report(document)
        answer = {"run": run_id, "state": REPORTED}
        if run.report is not None and dict(run.report) == report:
            return answer
        self._check_waits(run)
        checked_report(report, run.body, self.artifacts)
        now = self._clock.now()
        if not self._rows.report(run_id, report, now):
            self._check_waits(self.run(run_id))
            raise ConflictError(f"run {run_id}", "was reported on by somebody else meanwhile")
        self._sent.pop(run_id, None)
        told = {"run": run_id, "state": report["state"], "error": report["error"], "files": report["files"]}
        self._audit.append(now, f"ci:{run.body['hook']}", "retrain.reported", f"model:{run.model}", told)
        return answer

    def ask(self, run: ExternalRun) -> ExternalRun:
        """Open a run and tell the CI of it; asked again (after a restart), it is the same run and the same message.

        Raises:
            NotFoundError: the endpoint that the contract names is not configured.
            InputError: what there is to tell is too long for a message.
        """
        kept = self._rows.open(run)
        if kept.state == WAITING:
            try:
                self._outbox.tell(self._told(kept), str(kept.body["hook"]))
            except WellkeptError:
                self._rows.settle(run.id, (WAITING,), FAILED)
                raise
        return kept

    def wait(self, run_id: str, oversight: Oversight | None) -> Mapping[str, Any]:
        """Wait for the report of a run.

        Raises:
            TrainingError: there was none in time, the CI could not be told or says that it failed, or somebody called
                the run off.
            Interrupted: the process ends.
        """
        while True:
            run = self.run(run_id)
            if run.report is not None:
                break
            if self._clock.now() >= run.expires_at:
                self._rows.settle(run_id, (WAITING,), EXPIRED)
                if self.run(run_id).report is None:
                    raise TrainingError(_expired(run))
                continue
            if oversight is not None and oversight.cancelled_by is not None:
                self._rows.settle(run_id, (WAITING,), FAILED)
                raise TrainingError(f"run {run_id}: was cancelled by {oversight.cancelled_by}", cause="cancelled")
            why = self._outbox.given_up(str(run.body["hook"]), self._told(run).id)
            if why:
                self._rows.settle(run_id, (WAITING,), FAILED)
                raise TrainingError(f"run {run_id}: webhook {run.body['hook']} could not be told of it: {why}")
            if self._stopping.wait(LOOK_EVERY_S):
                raise Interrupted
        if run.report["state"] == "failed":
            self.settle(run_id, FAILED)
            raise TrainingError(f"run {run_id}: the CI says that its training failed: {run.report['error']}")
        return run.report

    def settle(self, run_id: str, to: str) -> None:
        self._rows.settle(run_id, (REPORTED,), to)

    def new_run(
        self, contract: ModelContract, journal: Journal, order: Order, rows: Path, more: Mapping[str, Any]
    ) -> ExternalRun:
        """A run as it begins: what is to be trained on what, until when. Nothing is kept of it yet."""
        now, data = self._clock.now(), rows.read_bytes()
        body = {
            "run": run_of(journal),
            "model": contract.name,
            "hook": contract.retrain.hook,
            "job": journal.job.id,
            "start": order.start.isoformat(),
            "end": order.end.isoformat(),
            "since": order.since.isoformat() if order.since else None,
            "excluded": spans(order.excluded),
            "rows": self.artifacts.put_bytes(data),
            "rows_digest": digest_of(data),
            **more,
            "inputs": list(contract.features),
            "columns": list(contract.columns),
            "code": digest_of((order.project / "model.py").read_bytes()),
        }
        expires_at = now + timedelta(seconds=contract.retrain.within_s)
        return ExternalRun(run_of(journal), contract.name, WAITING, now, expires_at, body)

    def known(self, run_id: str) -> ExternalRun | None:
        return self._rows.get(run_id)

    def _told(self, run: ExternalRun) -> Event:
        """The message of a run; its id depends on the run alone."""
        data = {name: value for name, value in run.body.items() if name not in UNTOLD}
        data |= self._addresses(run)
        return event(ADDRESSED, f"model:{run.model}", run.created_at, data, run.id)

    def _addresses(self, run: ExternalRun) -> dict[str, Any]:
        base = f"{self._where().rstrip('/')}{ENDPOINTS}/{run.id}"
        urls = {"url": base, "rows_url": f"{base}/rows", "files_url": f"{base}/files", "report_url": f"{base}/report"}
        return {**urls, "expires_at": run.expires_at.isoformat()}

    def _check_waits(self, run: ExternalRun) -> None:
        if run.state == EXPIRED or (run.state == WAITING and self._clock.now() >= run.expires_at):
            raise ConflictError(f"run {run.id}", f"has expired at {run.expires_at.isoformat()}")
        if run.state != WAITING:
            raise ConflictError(f"run {run.id}", "does not wait for a report any more; its state is", run.state)


class CiExecutor:
    """Runs the one training of a retrain in an external CI."""

    name = "ci"

    def __init__(self, runs: ExternalRuns, contract: ModelContract, journal: Journal, order: Order) -> None:
        self._runs, self._contract, self._journal, self._order = runs, contract, journal, order

    def run(self, work: Work) -> dict[str, Any]:
        """Have it trained, and judge what comes back; what the worker writes lies where the request says.

        Raises:
            TrainingError: nobody reported in time, the CI failed, or what it reported cannot be loaded.
        """
        if work.module != TRAINING:
            return Local().run(work)  # a search for parameters, which the CI is then told
        known = self._runs.known(run_of(self._journal))
        run = self._runs.ask(known or self._divided(work))
        oversight = present()
        if oversight is not None:
            oversight.say(f"run {run.id}: waits for {run.body['hook']} until {run.expires_at.isoformat()}")
        self._journal.note(phase="waiting for the CI", external=run.id, attempts=0)
        report = self._runs.wait(run.id, oversight)
        self._journal.note(phase="train")
        try:
            result = self._judged(work, run, report)
        except WellkeptError:
            self._runs.settle(run.id, FAILED)
            raise
        self._runs.settle(run.id, DONE)
        return result

    def _divided(self, work: Work) -> ExternalRun:
        rows = work.folder / "outside.parquet"
        told = run_worker(WORKER, {**work.request, "rows": str(rows)}, work.folder, work.limits)
        parts = {"rows_count": int(told["rows"]), "parameters": dict(work.request["parameters"])}
        return self._runs.new_run(self._contract, self._journal, self._order, rows, parts)

    def _judged(self, work: Work, run: ExternalRun, report: Mapping[str, Any]) -> dict[str, Any]:
        out = Path(work.request["out"])
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        manifest, name, data = files_of(report, run.body, self._runs.artifacts)
        (out / name).write_bytes(data)
        (out / "manifest.json").write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        if brings_code(manifest):
            project = self._order.project
            for own, source in code_files(project, sources_of(project)).items():
                (out / own).write_bytes(source)
        result = run_worker(WORKER, {**work.request, "rows": None}, work.folder, work.limits)
        lineage = {"external.run": run.id, "external.hook": run.body["hook"], "external.code": report["code"]}
        lineage |= {f"external.said.{name}": f"{value:g}" for name, value in report["metrics"].items()}
        if report["junit"]:
            lineage["external.junit"] = report["junit"]
        return {**result, "parameters": work.request["parameters"], "lineage": lineage}


def run_of(journal: Journal) -> str:
    """The id of a job's run; the same whenever the job goes on."""
    return stable_id("run", journal.job.id)


def _expired(run: ExternalRun) -> str:
    hook, model = run.body["hook"], run.model
    return (
        f"run {run.id} of {model}: webhook {hook} brought no report by {run.expires_at:%Y-%m-%d %H:%M:%S} UTC; "
        f"look at `wellkept webhooks deliveries --endpoint {hook}` and at the CI's own log"
    )
