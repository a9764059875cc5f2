"""The pipeline of a training: snapshot, search, train, evaluate, register, each a step of the run's journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from wellkept.app.searchcard import with_search
from wellkept.app.trainingorder import Case, Order, is_outside, spans
from wellkept.kernel.codec import decode, encode
from wellkept.kernel.errors import NotFoundError, TrainingError
from wellkept.kernel.verdict import Judgement, Verdict
from wellkept.ml.cards import CARD
from wellkept.ml.contract import ModelContract, read_project
from wellkept.ml.data.datacontract import DataContractError
from wellkept.ml.data.files import files_in
from wellkept.ml.data.stage import Snapshot, Snapshots
from wellkept.ml.evaluate.card.page import card_files, make_card
from wellkept.ml.evaluate.served.stage import tried_as_served
from wellkept.ml.evaluate.stage import judge, measure, promise_error
from wellkept.ml.gates import BudgetGate, ParityGate
from wellkept.ml.interval import INTERVAL
from wellkept.ml.oversight import Limits, Oversight, overseen
from wellkept.ml.provenance import code_of, commit_of, digest, environment, own_code, project_files
from wellkept.ml.register.stage import draft_version, register
from wellkept.ml.releases import INTERVAL_ROWS, PROMISE_ERROR, Releases
from wellkept.ml.retrain.gains import gains_told
from wellkept.ml.signature import LINEAGE
from wellkept.ml.train.executors.base import Executor
from wellkept.ml.train.stage import Trained, Trainer
from wellkept.spine.journal import OWN, Journal
from wellkept.spine.registry import CHAMPION, ModelVersion, Registry
from wellkept.store.artifacts.artifacts import Artifacts

OF_JUDGES = frozenset({"gates", "slices", "nullable"})
"""What the worker is told for those who judge; a search does not depend on it."""


Outside = Callable[[ModelContract, Journal, Order], Executor]


class Pipeline:
    """Runs orders. A step that was done before on the same inputs is taken over, in this run or from another."""

    def __init__(
        self,
        registry: Registry,
        artifacts: Artifacts,
        snapshots: Snapshots,
        executors: Mapping[str, Executor],
        limits: Limits,
        outside: Outside | None = None,
    ) -> None:
        """``executors`` by name, the one for contracts that name none first; ``limits`` cap what contracts ask for.

        ``outside`` makes the executor of a retrain that an external CI runs.
        """
        self._registry, self._artifacts, self._snapshots = registry, artifacts, snapshots
        self._executors, self._limits, self._outside = executors, limits, outside

    def run(self, journal: Journal, oversight: Oversight, order: Order, now: datetime) -> ModelVersion:
        """Train, judge and register.

        Raises:
            WellkeptError: a step failed; what was done before it stays in the journal.
        """
        contract, text = read_project(order.project)
        names = ("model.yaml", *((contract.data.history,) if contract.data.history else ()))
        told_otherwise = {order.project / name for name in names} | files_in(order.project, contract.data)
        files = project_files(order.project, frozenset(told_otherwise))
        case = Case(
            journal=journal,
            oversight=oversight,
            order=order,
            contract=contract,
            contract_text=text,
            code=digest(files),
            sources=code_of(order.project, files),
            environment=environment(),
            champion=self._registry.alias(contract.name, CHAMPION),
            executor=self._executor(contract, journal, order),
        )
        with overseen(oversight):
            snapshot = self._snapshot(case)
            trained, key = self._train(case, snapshot, self._searched(case, snapshot))
            return self._registered(case, snapshot, trained, key, now)

    def limits_of(self, contract: ModelContract) -> Limits:
        """What a contract's training may take: what it asks for, and no more than the configuration allows."""
        asked, most = contract.train, self._limits
        pairs = ((asked.time_s, most.time_s), (asked.memory_mb, most.memory_mb), (asked.threads, most.threads))
        time_s, memory_mb, threads = (min((one for one in pair if one is not None), default=None) for pair in pairs)
        assert time_s is not None
        return Limits(time_s, memory_mb, None if threads is None else int(threads))

    def _executor(self, contract: ModelContract, journal: Journal, order: Order) -> Executor:
        if self._outside is not None and is_outside(contract, journal.job):
            return self._outside(contract, journal, order)
        name: str = contract.train.executor or next(iter(self._executors))
        if name not in self._executors:
            rule = f"{name} is not configured here; set ml.executor.kind to {name}, or leave train.executor out"
            raise TrainingError(f"train.executor: {rule}")
        return self._executors[name]

    def _snapshot(self, case: Case) -> Snapshot:
        """The data. Nobody can tell whether ``load`` would return the same again, so it is this run's own."""
        order, file = case.order, case.folder / "snapshot.parquet"

        def take() -> dict[str, Any]:
            span = (order.start, order.end)
            time_s = case.limits.time_s
            try:
                taken = self._snapshots.take(order.project, case.contract, span, order.excluded, case.folder, time_s)
            except DataContractError as error:
                case.journal.note(data=dict(error.report))
                raise
            case.journal.note(data=dict(taken.report))
            return {
                "digest": taken.digest,
                "rows": taken.rows,
                "manifest": taken.manifest,
                "report": dict(taken.report),
                "artifacts": [taken.digest, taken.manifest],
            }

        key = digest("snapshot", own_code("data"), case.journal.job.id, case.code, case.contract_text)
        kept = case.step("snapshot", key, take, shared=False)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self._artifacts.get_bytes(kept["digest"]))
        span, of = (order.start, order.end), (kept["manifest"], kept["report"])
        return Snapshot(kept["digest"], file, kept["rows"], *span, order.excluded, *of)

    def _searched(self, case: Case, snapshot: Snapshot) -> Mapping[str, Any]:
        """The parameters that a search found, where the contract wants one. The champion has no part in it."""
        search = case.contract.train.search
        if search is None or is_outside(case.contract, case.journal.job):
            return {}
        request = case.request
        asked = {name: value for name, value in request.items() if name not in OF_JUDGES}
        depends_on = {**case.depends_on, "request": asked}
        key = digest("search", depends_on, search.model_dump(mode="json"), snapshot.digest)
        trainer, project = Trainer(self._artifacts, case.executor), case.order.project

        def work() -> Mapping[str, Any]:
            told = {**request, "study": key, "code": case.sources}
            return trainer.search(project, case.contract, snapshot.path, case.folder, case.limits, told)

        found = case.step("search", key, work)
        case.journal.note(
            search={name: found[name] for name in ("metric", "maximize", "value", "parameters", "trials")}
        )
        parameters: Mapping[str, Any] = found["parameters"]
        return parameters

    def _train(self, case: Case, snapshot: Snapshot, chosen: Mapping[str, Any]) -> tuple[Trained, str]:
        trainer = Trainer(self._artifacts, case.executor)
        rival = case.champion.artifact if case.champion else None
        request = case.request
        request["parameters"] = {**request["parameters"], **chosen}
        made: list[Trained] = []

        def train() -> dict[str, Any]:
            told = {**request, "code": case.sources}
            found = trainer.train(
                case.order.project, case.contract, snapshot.path, rival, case.folder, case.limits, told
            )
            made.append(found)
            return trainer.kept(found)

        key = digest("train", case.depends_on, request["parameters"], snapshot.digest, rival)
        kept = case.step("train", key, train)
        return (made[0] if made else trainer.restored(kept, case.folder)), key

    def _registered(
        self, case: Case, snapshot: Snapshot, trained: Trained, trained_by: str, now: datetime
    ) -> ModelVersion:
        """What was trained, judged by the contract's gates and registered either way."""
        contract = case.contract
        lineage = self._lineage(case, snapshot, trained)
        draft = draft_version(contract.name, trained.artifact, snapshot.digest, trained.manifest, lineage, now)

        def evaluate() -> dict[str, Any]:
            outcome = tried_as_served(contract, case.contract_text, trained.folder, trained.outcome)
            verdict = judge(contract, outcome, draft.digest, now)
            page = with_search(make_card(contract, outcome, verdict, draft.lineage), searched)
            card = self._artifacts.put_files(card_files(page))
            metrics = measure(contract, outcome)
            found = {"verdict": encode(verdict), "metrics": metrics, "card": card, "artifacts": [card]}
            found["promise_error"] = promise_error(contract, outcome)
            return found | ({OWN: True} if _may_pass_later(contract, verdict) else {})

        told = gains_told(contract, case.champion, trained.outcome, trained.trained_on, case.order.end)
        case.journal.note(gains=[*told, *trained.result.get("ageing", ())])
        searched = case.journal.job.details.get("search")
        key = digest("evaluate", own_code("evaluate", "register", "serve"), trained_by, searched, case.contract_text)
        judged = case.step("evaluate", key, evaluate)

        def add() -> dict[str, Any]:
            verdict = decode(Verdict, judged["verdict"])
            verdict = replace(verdict, id=f"gate-{draft.digest.removeprefix('sha256:')[:12]}", subject=draft.digest)
            known = {CARD: judged["card"], PROMISE_ERROR: f"{judged['promise_error']:.4g}"}
            if trained.manifest.get(INTERVAL):
                known[INTERVAL_ROWS] = str(trained.manifest[INTERVAL]["rows"])
            carded = replace(draft, lineage={**draft.lineage, **known})
            version = register(self._registry, carded, verdict, judged["metrics"], trained.manifest)
            return {"digest": version.digest}

        whose = (case.journal.job.id,) if judged.get(OWN) else ()
        kept = case.step("register", digest("register", key, *whose), add)
        try:
            return self._registry.version(contract.name, kept["digest"])
        except NotFoundError:  # it was taken from a run whose version is gone
            return self._registry.version(contract.name, add()["digest"])

    def _changes(self, case: Case) -> str:
        """What callers of the champion would notice of this contract."""
        releases = Releases(self._registry, self._artifacts)
        return releases.signature_changes(case.champion, case.contract) if case.champion else ""

    def _lineage(self, case: Case, snapshot: Snapshot, trained: Trained) -> dict[str, str]:
        order, known = case.order, trained.result.get("environment") or case.environment
        listed = json.dumps(known, sort_keys=True, indent=1).encode()
        parameters = trained.result.get("parameters", {})
        lineage = {
            "code": case.code,
            "commit": commit_of(order.project),
            "contract": self._artifacts.put_bytes(case.contract_text.encode()),
            "window": f"{order.start.isoformat()} to {order.end.isoformat()}",
            "excluded": spans(order.excluded),
            "parent": case.champion.digest if case.champion else "",
            LINEAGE: self._changes(case),
            "run": case.journal.job.id,
            "window.choice": trained.result.get("choice", ""),
            "window.trained": " to ".join(trained.result.get("span", ())),
            **snapshot.lineage,
            "rows": f"{trained.trained_on} trained on, {len(trained.outcome.label)} held out",
            "seed": str(case.contract.train.seed),
            "environment": self._artifacts.put_bytes(listed),
            "python": known["python"],
            "platform": known["platform"],
            "executor": case.executor.name,
            "parameters": json.dumps(parameters, sort_keys=True) if parameters else "",
        }
        lineage |= {"search": told_search(case.journal.job.details.get("search"))}
        lineage |= trained.result.get("lineage", {})
        lineage = {**case.journal.job.details.get("origin", {}), **lineage}
        return {name: value for name, value in lineage.items() if value or name in ("parent", "excluded")}


def _may_pass_later(contract: ModelContract, verdict: Verdict) -> bool:
    """Whether the same model may pass another time: it failed where the model server itself was put to the test."""
    measured = any(isinstance(gate, (BudgetGate, ParityGate)) for gate in contract.gates)
    return measured and verdict.judgement is not Judgement.PASS


def told_search(search: Mapping[str, Any] | None) -> str:
    """A search in words; empty where there was none."""
    if search is None:
        return ""
    trials = search["trials"]
    through = sum(one["state"] == "complete" for one in trials)
    return f"{len(trials)} trials, {through} of them to their end; best {search['metric']} {search['value']:.6g}"
