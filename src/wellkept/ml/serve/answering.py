"""From the body of an inference request to its answer: who answers, are the inputs right, the score, the log."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import orjson

from wellkept.kernel.errors import InputError, TooLargeError, WellkeptError
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.serve.answered import Answered
from wellkept.ml.serve.binary import parsed_request
from wellkept.ml.serve.body import parsed
from wellkept.ml.serve.caller import Caller, caller_of
from wellkept.ml.serve.csvrows import rows_of_csv
from wellkept.ml.serve.explain import MOST_ROWS, Explanation
from wellkept.ml.serve.log import PredictionLog
from wellkept.ml.serve.lookup import Lookup
from wellkept.ml.serve.meters import Meters
from wellkept.ml.serve.models import Deployed
from wellkept.ml.serve.protocols import outputs_of, rows_of_infer, rows_of_invocation
from wellkept.ml.serve.rules import Rows
from wellkept.ml.serve.served import Served
from wellkept.ml.serve.shadows import Shadows, Trial
from wellkept.ml.serve.telemetry import Instrument
from wellkept.ml.serve.traffic import Choice

LARGE_BYTES = 128 << 10
"""From here on a body is read and its answer written on a thread, so that it does not hold up the others."""
CONTRIBUTIONS, BASELINE = EXPLAINED = ("contributions", "baseline")
"""The outputs of an answer that is explained, beside the score."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request wants, whatever the protocol. ``answer`` writes what it is given.

    ``outputs`` are the names of those that are wanted; none are named: all.
    """

    rows: Rows
    caller: Caller
    answer: Callable[[Caller, Served, list[float], Explanation | None], bytes]
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """A request whose inputs are right. ``began`` is when it was looked at, by ``time.perf_counter``."""

    ask: Ask
    choice: Choice
    matrix: Matrix
    began: float
    marks: Mapping[str, str] = field(default_factory=dict)
    """What the log is told of where the inputs come from."""


class Answering:
    """Answers requests, and logs every answer before it is given."""

    def __init__(
        self,
        predictions: PredictionLog,
        instrument: Instrument,
        meters: Meters,
        shadows: Shadows | None = None,
        lookup: Lookup | None = None,
    ) -> None:
        self._log, self._instrument, self._meters = predictions, instrument, meters
        self._shadows = shadows or Shadows(predictions, meters, instrument)
        self._lookup = lookup or Lookup({}, 1.0, meters)

    def at_once(self, deployed: Deployed, version: str | None, read: Callable[[], Ask]) -> bytes | None:
        """The answer to a small request whose model is quick; None where it takes longer, and nothing was done."""
        if not deployed.champion.lane.is_quick(1):
            return None
        began = time.perf_counter()
        ask = read()
        choice = _choice(deployed, version, ask)
        served = choice.answers
        takes_long = ask.caller.explain or self._lookup.wants(served, ask.rows)
        if takes_long or not served.lane.is_quick(len(ask.rows)):
            return None
        work = Work(ask, choice, served.rules.matrix(ask.rows), began)
        try:
            scores = _checked(served, served.lane.score_now(work.matrix))
        except Exception as error:
            self._failed(work, error)
            raise
        self._note(work, scores)
        return ask.answer(ask.caller, served, scores.tolist(), None)

    async def answer(self, deployed: Deployed, version: str | None, read: Callable[[], Ask], size: int) -> bytes:
        """The answer to any request; ``size`` is that of its body."""
        began = time.perf_counter()
        ask = await _apart(size, read)
        choice = _choice(deployed, version, ask)
        served, marks = choice.answers, dict[str, str]()
        if self._lookup.wants(served, ask.rows):
            rows, marks = await self._lookup.completed(served, ask.rows, ask.caller)
            ask = replace(ask, rows=rows)
        matrix = await _apart(len(ask.rows) * len(served.inputs) * 8, served.rules.matrix, ask.rows)
        work = Work(ask, choice, matrix, began, marks)
        lane = served.lane
        try:
            found = lane.score_now(matrix) if lane.is_quick(len(matrix)) else await lane.score(matrix)
            scores = _checked(served, found)
        except Exception as error:
            self._failed(work, error)
            raise
        explanation = await self._explained(work) if ask.caller.explain else None
        await _apart(matrix.nbytes, self._note, work, scores)
        return await _apart(8 * scores.nbytes, ask.answer, ask.caller, served, scores.tolist(), explanation)

    async def _explained(self, work: Work) -> Explanation:
        """Why the scores are what they are. The answer is not given without, so it is not logged without."""
        served, rows = work.choice.answers, work.matrix
        if len(rows) > MOST_ROWS:
            raise TooLargeError("parameters.explain", f"is for at most {MOST_ROWS} rows", len(rows))

        def explain() -> Explanation:
            found: Explanation = served.explainer.explain(rows)
            return found

        explanation = await asyncio.get_running_loop().run_in_executor(None, explain)
        self._meters.explained(served.name, served.label)
        return explanation

    def _failed(self, work: Work, error: Exception) -> None:
        served, caller = work.choice.answers, work.ask.caller
        taken_s = time.perf_counter() - work.began
        arm = (work.choice.arm, work.choice.bucket)
        self._instrument.record(served, caller, taken_s, len(work.matrix), str(error) or type(error).__name__, arm)
        self._meters.failed(served.name, served.label, 500)

    def _note(self, work: Work, scores: Scores) -> None:
        """Log an answer, before it is given."""
        served, caller, choice = work.choice.answers, work.ask.caller, work.choice
        taken_s = time.perf_counter() - work.began
        answered = Answered(
            time.time_ns() // 1_000_000,
            served,
            caller.prediction,
            work.matrix,
            scores,
            taken_s,
            caller.entity_keys,
            caller.trace_id,
            caller.span_id,
            {**work.marks, "arm": choice.arm} if choice.arm else work.marks,
            odd=served.rules.odd(work.ask.rows, work.matrix),
        )
        self._log.add(answered)
        self._instrument.record(served, caller, taken_s, len(scores), "", (choice.arm, choice.bucket))
        self._meters.answered(served.name, served.label, len(scores), taken_s)
        if choice.shadows:
            given = work.ask.rows
            named = given if given.names is not None else Rows(served.names, given.values)
            for shadow in choice.shadows:
                self._shadows.add(Trial(answered, named, shadow, caller))


def infer_ask(body: bytes, traceparent: str, length: str = "") -> Ask:
    """A request of Open Inference Protocol v2. ``length``: that of its JSON, where binary tensors follow."""
    asked = parsed_request(body, length)
    rows = rows_of_infer(asked)
    caller = caller_of(traceparent, asked.get("parameters"), len(rows))
    wanted = outputs_of(asked["outputs"]) if "outputs" in asked else ()
    more = {"id": asked["id"]} if "id" in asked else {}
    return Ask(rows, caller, lambda *given: orjson.dumps({**_inferred(wanted, *given), **more}), wanted)


def invocation_ask(body: bytes, traceparent: str) -> Ask:
    """A request of MLflow's /invocations in JSON."""
    return _invocation(rows_of_invocation(parsed(body)), traceparent)


def csv_ask(body: bytes, traceparent: str, categories: Collection[str] = ()) -> Ask:
    """A request of MLflow's /invocations in CSV; ``categories`` are the inputs that are texts."""
    return _invocation(rows_of_csv(body, categories), traceparent)


def _invocation(rows: Rows, traceparent: str) -> Ask:
    caller = caller_of(traceparent, None, len(rows))
    return Ask(rows, caller, lambda _caller, _served, scores, _: orjson.dumps({"predictions": scores}))


def _inferred(
    wanted: tuple[str, ...], caller: Caller, served: Served, scores: list[float], explanation: Explanation | None
) -> dict[str, Any]:
    outputs: list[dict[str, Any]] = [
        {"name": name, "shape": [len(scores)], "datatype": "FP64", "data": values.tolist()}
        for name, values in zip(served.outputs, served.told(np.asarray(scores)), strict=True)
    ]
    if explanation is not None:
        method = {"method": explanation.method, "space": explanation.space, "inputs": ",".join(explanation.names)}
        parts, baseline = explanation.contributions, explanation.baseline.tolist()
        flat = {"shape": list(parts.shape), "datatype": "FP64", "data": parts.ravel().tolist(), "parameters": method}
        outputs.append({"name": CONTRIBUTIONS, **flat})
        outputs.append({"name": BASELINE, "shape": [len(baseline)], "datatype": "FP64", "data": baseline})
    if wanted:
        outputs = [one for one in outputs if one["name"] in wanted]
    return {
        "model_name": served.name,
        "model_version": served.label,
        "outputs": outputs,
        "parameters": {"prediction_id": caller.prediction, "digest": served.digest},
    }


def _choice(deployed: Deployed, version: str | None, ask: Ask) -> Choice:
    """Who answers: the version that the address names, or else whom the traffic goes to.

    Raises:
        NotFoundError: that version is not loaded.
        InputError: an output is asked for that the version does not give.
    """
    caller = ask.caller
    if version is not None:
        choice = Choice(deployed.version(version))
    else:
        choice = deployed.traffic.choose(caller.entity_keys[0], caller.prediction)
    if ask.outputs:
        _check_outputs(ask, choice.answers)
    return choice


def _check_outputs(ask: Ask, served: Served) -> None:
    known = (*served.outputs, *(EXPLAINED if ask.caller.explain else ()))
    for name in ask.outputs:
        if name not in known:
            rule = f"is not an output of {served.name} ({', '.join(known)})"
            if name in EXPLAINED:
                rule = f'{rule}; ask for it with "parameters": {{"explain": true}}'
            raise InputError(f"output {name}", rule)


def _checked(served: Served, scores: Scores) -> Scores:
    """The scores, every one of which is a number.

    Raises:
        WellkeptError: one is not.
    """
    if not (math.isfinite(scores[0]) if len(scores) == 1 else np.isfinite(scores).all()):
        bad = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise WellkeptError(f"model {served.name}: the score of row {bad} is not a finite number")
    return scores


async def _apart(size: int, work: Callable[..., T], *arguments: Any) -> T:
    """Do work of so many bytes here, or on a thread where that is much."""
    if size < LARGE_BYTES:
        return work(*arguments)
    return await asyncio.get_running_loop().run_in_executor(None, work, *arguments)
