"""What messages from others' systems may ask for, wired: a training, a report, a change that is noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from wellkept.app import projects
from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.spine.registry import Job, Registry
from wellkept.spine.stream import Stream
from wellkept.spine.webhooks.doors import Deed, DoorKeeper
from wellkept.spine.webhooks.settings import Door
from wellkept.store.state.webhooks import ReceivedRows

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

LONGEST = 500
KINDS = (ChangeKind.DEPLOY, ChangeKind.CONFIGURATION, ChangeKind.SCALING, ChangeKind.SCHEMA, ChangeKind.NOTE)
"""What others may say that they did. A promotion or a remedy is told by the platform alone."""


class Starts(Protocol):
    """Starts a training."""

    def start(self, project: str, by: str) -> Job: ...


Report = Callable[[str, str, Mapping[str, Any]], Mapping[str, Any]]
"""Takes what a CI says: model, run, report (see :mod:`wellkept.app.externaltraining`)."""


def deeds(
    stream: Stream, clock: Clock, registry: Registry, training: Starts | None, report: Report | None
) -> dict[str, Deed]:
    """The deeds by name; without the ml loop a change is all that there is."""

    def change(door: Door, data: Mapping[str, Any]) -> Mapping[str, Any]:
        found = change_of(door, data, clock.now())
        stream.record(found)
        return {"change": found.id}

    def train(door: Door, data: Mapping[str, Any]) -> Mapping[str, Any]:
        model = _model(door, data)
        if training is None:
            raise NotFoundError("the ml loop", "is switched off")
        return {"job": training.start(project_of(registry, model), f"hook:{door.name}").id}

    def told(door: Door, data: Mapping[str, Any]) -> Mapping[str, Any]:
        model, run = _model(door, data), _text(data, "run")
        if report is None:
            raise NotFoundError("the ml loop", "is switched off")
        return report(model, run, {name: value for name, value in data.items() if name not in ("model", "run")})

    return {"change": change, "train": train, "report": told}


def door_keeper(platform: Platform) -> DoorKeeper:
    """The keeper of the doors of a configuration."""
    training = platform.ml.training if platform.ml is not None else None
    external = platform.external

    def report(model: str, run: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
        if external.run(run).model != model:
            raise InputError("data.run", f"must be a run of {model}", run)
        return external.report(run, document)

    found = deeds(platform.stream, platform.clock, platform.registry, training, report if training else None)
    settings, received = platform.settings.webhooks, ReceivedRows(platform.state)
    return DoorKeeper(settings, platform.secrets, received, found, platform.audit, platform.clock)


def change_of(door: Door, data: Mapping[str, Any], now: datetime) -> Change:
    """The change that a message tells of.

    Raises:
        InputError: names the field.
    """
    entity = _text(data, "entity", door.entity)
    if ":" not in entity:
        raise InputError(
            "data.entity", "must be an entity such as service:shop/checkout (or stand in the door)", entity
        )
    kind = _text(data, "kind", ChangeKind.DEPLOY.value)
    if kind not in [one.value for one in KINDS]:
        raise InputError("data.kind", f"must be one of {', '.join(KINDS)}", kind)
    summary = _text(data, "summary")
    if not summary:
        raise InputError("data.summary", "must be a text that is not empty", data.get("summary"))
    actor = _text(data, "actor") or door.name
    return Change(entity, ChangeKind(kind), now, f"hook:{door.name} {actor}", summary, _text(data, "reference"))


def project_of(registry: Registry, model: str) -> str:
    """The folder that a model was last trained from.

    Raises:
        NotFoundError: there is none.
    """
    found = projects.project_of(registry, model)
    if found is None:
        raise NotFoundError(f"model {model}", "was never trained from a project folder here")
    return str(found)


def _model(door: Door, data: Mapping[str, Any]) -> str:
    """The model that is meant; a door for one model need not be told."""
    model = _text(data, "model", door.models[0] if len(door.models) == 1 else "")
    if model not in door.models:
        raise InputError("data.model", f"must be one that hook {door.name} is for ({', '.join(door.models)})", model)
    return model


def _text(data: Mapping[str, Any], name: str, default: str = "") -> str:
    value = data.get(name, default)
    if not isinstance(value, str) or len(value) > LONGEST or not (value.isprintable() or not value):
        raise InputError(f"data.{name}", f"must be one line of at most {LONGEST} characters", value)
    return value
