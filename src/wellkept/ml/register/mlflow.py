"""What changes a registry of MLflow for everybody: plans, and the action of the gate that reads back what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.entity import model_id
from wellkept.kernel.errors import ActionError, ConflictError, InputError, NotFoundError, StoreError
from wellkept.kernel.plan import Action, ActionResult, Plan, PlanState, Risk, Verification
from wellkept.ml.register.sealed import Sealed
from wellkept.spine.gate import Gate
from wellkept.store.mlflow.client import MlflowClient

PENDING = (PlanState.WAITING, PlanState.APPROVED, PlanState.RUNNING, PlanState.VERIFYING)
GONE = "gone"
ALIAS, VERSION, MODEL = "alias", "version", "model"
"""What facts of MLflow's registry are about; see :func:`mlflow_fact`."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One change that somebody asks MLflow for. ``verb`` is one of :data:`VERBS`; the rest as the verb needs it."""

    verb: str
    name: str
    version: str = ""
    alias: str = ""
    new_name: str = ""
    stage: str = ""
    archive: bool = False

    @property
    def title(self) -> str:
        """The wish as an order."""
        return VERBS[self.verb].format(**asdict(self))


VERBS = {
    "set_alias": "Move alias {alias} of {name} in MLflow to version {version}",
    "delete_alias": "Take alias {alias} of {name} in MLflow away",
    "delete_version": "Delete version {version} of {name} in MLflow",
    "delete_model": "Delete {name} and all its versions in MLflow",
    "rename": "Rename {name} in MLflow to {new_name}",
    "transition": "Move version {version} of {name} in MLflow to stage {stage}",
}
CHANGES_WHO_ANSWERS = "Whoever loads models:/{name}@{alias} gets {after} instead of {before}."
CANNOT_BE_UNDONE = frozenset({"delete_version", "delete_model"})


def mlflow_fact(client: MlflowClient, key: str) -> str:
    """A fact about MLflow's registry: ``alias:NAME@ALIAS``, ``version:NAME/VERSION`` or ``model:NAME``.

    Raises:
        ConflictError: MLflow does not answer, so nothing is known.
    """
    kind, _, what = key.partition(":")
    try:
        if kind == ALIAS:
            name, _, alias = what.rpartition("@")
            return client.aliases(name).get(alias, "")
        if kind == VERSION:
            name, _, number = what.rpartition("/")
            version = client.version(name, number)
            return f"{version.identity}; stage {version.stage}"
        return ", ".join(f"{alias}={number}" for alias, number in sorted(client.aliases(what).items())) or "no alias"
    except NotFoundError:
        return "" if kind == ALIAS else GONE
    except StoreError as error:
        raise ConflictError("MLflow", f"cannot be asked now, so nothing is decided: {error}") from error


def world_of(wish: Wish, fact: Callable[[str], str]) -> dict[str, str]:
    """The facts that a wish rests on: a change of one of them voids the plan."""
    keys = [f"{MODEL}:{wish.name}"] if wish.verb in ("delete_model", "rename") else []
    if wish.alias:
        keys.append(f"{ALIAS}:{wish.name}@{wish.alias}")
    if wish.version:
        keys.append(f"{VERSION}:{wish.name}/{wish.version}")
    return {f"mlflow:{key}": fact(key) for key in keys}


def mlflow_plan(wish: Wish, world: Mapping[str, str], now: datetime, by: str) -> Plan:
    """The plan that does what was wished, in exactly this world."""
    before = world.get(f"mlflow:{ALIAS}:{wish.name}@{wish.alias}", "")
    effect = wish.title + "."
    undo = "by hand, in MLflow"
    if wish.alias:
        words = [f"version {number}" if number else "nothing" for number in (wish.version, before)]
        effect = CHANGES_WHO_ANSWERS.format(name=wish.name, alias=wish.alias, after=words[0], before=words[1])
        undo = f"ask for {wish.alias} of {wish.name} to be moved to {words[1]}"
    elif wish.verb in CANNOT_BE_UNDONE:
        effect, undo = f"{wish.title}, its aliases with it. MLflow cannot bring it back.", ""
    return Plan(
        id=stable_id("pln", "mlflow", *(str(value) for value in asdict(wish).values()), now.isoformat()),
        subject=model_id(wish.name),
        title=wish.title,
        reason=f"{by} asked for it with an MLflow client",
        risk=Risk.HIGH,
        actions=(Action(ChangeMlflow.name, model_id(wish.name), {**asdict(wish), "expected": before}, undo),),
        verification=Verification(sentence=f"MLflow says so: {wish.title}"),
        proposed_at=now,
        proposed_by=by,
        effect=effect,
        world=dict(world),
    )


class MlflowDesk:
    """Takes wishes in. One that waits, or is being carried out, is not asked for twice."""

    def __init__(self, client: MlflowClient, clock: Clock, guarded: Iterable[str]) -> None:
        self._client, self._clock = client, clock
        self._guarded = frozenset(alias.lower() for alias in guarded)
        self.sealed = Sealed(client.versions)
        self.gate: Gate | None = None

    def fact(self, key: str) -> str:
        """See :func:`mlflow_fact`."""
        return mlflow_fact(self._client, key)

    def is_free(self, wish: Wish) -> bool:
        """Whether a wish needs no decision: it moves an alias that nobody guards."""
        return wish.verb in ("set_alias", "delete_alias") and wish.alias.lower() not in self._guarded

    def is_so(self, wish: Wish) -> bool:
        """Whether the world is as wished already; asked again after the approval, a wish succeeds."""
        return wish.verb == "set_alias" and self.fact(f"{ALIAS}:{wish.name}@{wish.alias}") == wish.version

    def propose(self, wish: Wish, by: str) -> str:
        """The id of the plan that waits for a decision on a wish.

        Raises:
            NotFoundError: MLflow has no such model, version or alias; nothing is proposed.
            ConflictError: MLflow cannot be asked.
        """
        assert self.gate is not None
        world = world_of(wish, self.fact)
        missing = next((key for key, found in world.items() if found == GONE), "")
        if missing:
            raise NotFoundError(f"mlflow {missing.removeprefix('mlflow:')}", "is not there")
        if wish.verb == "delete_alias" and not next(iter(world.values())):
            raise NotFoundError(f"mlflow alias {wish.alias} of {wish.name}", "is not there")
        plan = mlflow_plan(wish, world, self._clock.now(), by)
        for record in self.gate.plans(subject=plan.subject, states=PENDING):
            if record.plan.actions == plan.actions and record.plan.world == plan.world:
                return record.plan.id
        self.gate.propose(plan)
        return plan.id


class ChangeMlflow:
    """Arguments: those of a :class:`Wish`, and ``expected``, the version that the alias has."""

    name = "change_mlflow"
    risk = Risk.HIGH

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def preview(self, action: Action) -> str:
        return self._wish(action).title

    def run(self, action: Action, key: str) -> ActionResult:  # noqa: ARG002 - what was done is read off MLflow itself
        wish = self._wish(action)
        try:
            if self._is_done(wish):
                return ActionResult(True, False, f"it was so already: {wish.title}")
            self._check_expected(wish, str(action.arguments.get("expected", "")))
            self._do(wish)
            if not self._is_done(wish):
                raise ActionError(f"MLflow took the change and does not show it: {wish.title}", retry_helps=True)
        except StoreError as error:
            raise ActionError(str(error), retry_helps=True) from error
        return ActionResult(True, True, f"done and read back: {wish.title}", asdict(wish))

    def _check_expected(self, wish: Wish, expected: str) -> None:
        if not wish.alias:
            return
        found = self._client.aliases(wish.name).get(wish.alias, "")
        if found != expected:
            told = (
                f"alias {wish.alias} of {wish.name} was expected at {expected or 'nothing'}, is at {found or 'nothing'}"
            )
            raise ActionError(told, retry_helps=False)

    def _do(self, wish: Wish) -> None:
        client = self._client
        if wish.verb == "set_alias":
            client.set_alias(wish.name, wish.alias, wish.version)
        elif wish.verb == "delete_alias":
            client.delete_alias(wish.name, wish.alias)
        elif wish.verb == "delete_version":
            client.delete_version(wish.name, wish.version)
        elif wish.verb == "delete_model":
            client.delete_model(wish.name)
        elif wish.verb == "rename":
            client.rename(wish.name, wish.new_name)
        else:
            client.transition(wish.name, wish.version, wish.stage, wish.archive)

    def _is_done(self, wish: Wish) -> bool:
        """What MLflow itself says."""
        client = self._client
        if wish.verb == "rename":
            return client.has_model(wish.new_name) and not client.has_model(wish.name)
        if wish.verb == "delete_model":
            return not client.has_model(wish.name)
        try:
            if wish.alias:
                return client.aliases(wish.name).get(wish.alias, "") == wish.version
            version = client.version(wish.name, wish.version)
        except NotFoundError:
            return wish.verb in ("delete_version", "delete_alias")
        return wish.verb == "transition" and version.stage == wish.stage

    def _wish(self, action: Action) -> Wish:
        given = {name: value for name, value in action.arguments.items() if name != "expected"}
        try:
            wish = Wish(**given)
        except TypeError as error:
            raise InputError("change_mlflow", f"must have the arguments of a wish: {error}") from error
        if wish.verb not in VERBS:
            raise InputError("change_mlflow.verb", f"must be one of {', '.join(VERBS)}", wish.verb)
        return wish
