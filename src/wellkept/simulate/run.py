"""The simulated months: one platform, one clock, a few models; every day is asked, told, watched and decided."""

from __future__ import annotations

import json
import time

from wellkept.app.claim import held
from wellkept.app.platform import Platform
from wellkept.app.secrets import private
from wellkept.app.settings import Ingest, Ml, Retention, Settings
from wellkept.kernel.clock import SettableClock
from wellkept.kernel.errors import WellkeptError
from wellkept.simulate.base import DAY, Plan, Say, Seen, Told
from wellkept.simulate.compare import compare
from wellkept.simulate.expect import broken_expectations
from wellkept.simulate.live import Live
from wellkept.simulate.people import PERSON, Inline, approve
from wellkept.simulate.worlds import world_of
from wellkept.spine.registry import CHAMPION

LOOPS = ("ml", "rollouts", "gate", "correlate", "incidents")
"""What is turned each day. Detection has nothing to look at: there are models and no hosts."""
KEPT_DAYS = 3650
"""The engine forgets by the machine's clock."""
LOOK_S = 0.1
MOST_JOBS = 10_000
CONFIG = f"""\
retention: {{predictions_days: {KEPT_DAYS}}}
ml: {{serve: false}}
agent: {{enabled: false}}
ingest: {{grpc: {{enabled: false}}}}
"""


def simulate(plan: Plan, say: Say) -> list[Told]:
    """Run the months.

    Raises:
        WellkeptError: an example is no example, or its first version did not pass its gates; or the folder is in use.
    """
    with held(private(plan.folder / "data")):
        return _simulated(plan, say)


def _simulated(plan: Plan, say: Say) -> list[Told]:
    worlds = [world_of(example, plan) for example in plan.examples]
    write_config(plan)
    clock = SettableClock(plan.start)
    platform = Platform(settings_of(plan), clock)
    try:
        months = Months(platform, clock, plan, [Live(platform, plan, world) for world in worlds], say)
        months.go_live()
        for day in range(plan.days):
            months.pass_day(day)
        months.read_decisions()
    finally:
        platform.close()
    for live in months.models:
        told = months.told[live.name]
        told.performance, told.metric, told.weekly = compare(live, plan)
        told.failed = broken_expectations(plan, told)
    return list(months.told.values())


def settings_of(plan: Plan) -> Settings:
    """A platform of its own that opens no door."""
    data = private(plan.folder / "data")
    ingest = Ingest()
    return Settings(
        data=data,
        ingest=ingest.model_copy(update={"grpc": ingest.grpc.model_copy(update={"enabled": False})}),
        retention=Retention(predictions_days=KEPT_DAYS),
        ml=Ml(serve=False),
    )


def write_config(plan: Plan) -> None:
    """What opens the folder afterwards: nothing is forgotten there, and no model server has to answer."""
    text = f"data: {json.dumps(str((plan.folder / 'data').resolve()))}\n" + CONFIG
    (plan.folder / "wellkept.yaml").write_text(text, encoding="utf-8")


class Months:
    """Lets days pass for a platform."""

    def __init__(self, platform: Platform, clock: SettableClock, plan: Plan, models: list[Live], say: Say) -> None:
        self._platform, self._clock, self._plan, self._say = platform, clock, plan, say
        self.models = models
        self.told = {live.name: Told(live.name, metric=live.world.contract.live_metric) for live in models}
        self._inline = Inline(platform)
        self._known: set[str] = set()
        platform.gate.attach(self._inline)

    def go_live(self) -> None:
        """Train each model on its history, and put it in front.

        Raises:
            WellkeptError: it failed, or did not pass its gates.
        """
        ml = self._platform.ml
        assert ml is not None
        for live in self.models:
            began = time.perf_counter()
            job = ml.training.start(str(live.world.project), PERSON).id
            while (found := self._platform.registry.job(job)) is None or found.state == "running":
                time.sleep(LOOK_S)
            if found.state != "done":
                raise WellkeptError(f"the first training of {live.name} {found.state}: {found.details.get('error')}")
            version = self._platform.registry.version(live.name, found.details["digest"])
            if found.details["judgement"] != "pass":
                assert version.gate is not None
                raise WellkeptError(f"the first version of {live.name} did not pass: {version.gate.sentence}")
            ml.promotions.promote(version, PERSON, "the first version")
            metric = live.world.contract.metrics.primary
            value = version.metrics.get(metric, float("nan"))
            self._say(f"{live.name}: version 1, {metric} {value:.3f} ({time.perf_counter() - began:.0f} s)")
        approve(self._platform)
        self._platform.turn(("gate",))

    def pass_day(self, day: int) -> None:
        """Ask, tell, watch, decide, approve. The labels of a day come at its end, all at once."""
        self._clock.set(self._plan.start + (day + 1) * DAY)
        for live in self.models:
            live.serve(day)
            live.tell(day)
        self._platform.turn(LOOPS)
        approve(self._platform)
        self._platform.turn(("gate",))
        self._inline.settle()
        self._note(day)

    def read_decisions(self) -> None:
        """Take up what was decided about retraining, from the store."""
        assert self._platform.ml is not None
        for name, told in self.told.items():
            told.decisions = self._platform.ml.decisions.told(name, MOST_JOBS)[::-1]

    def _note(self, day: int) -> None:
        """Write down what is new."""
        found = {finding.fingerprint: finding for finding in self._platform.stream.open_findings()}
        new, self._known = found.keys() - self._known, set(found)
        for print_ in sorted(new):
            finding = found[print_]
            told = self.told.get(_model_of(finding.entity))
            if told is not None:
                about = (finding.kind.value, finding.detector, finding.entity, str(finding.attributes.get("cause", "")))
                told.seen.append(Seen(day + 1, *about, finding.sentence, finding.severity.name.lower()))
                self._say(f"day {day + 1}: {finding.sentence}")
        for live in self.models:
            self._note_model(live.name, day + 1)

    def _note_model(self, name: str, day: int) -> None:
        """Retrainings and promotions that are new."""
        told, registry = self.told[name], self._platform.registry
        jobs = registry.jobs(f"model:{name}", MOST_JOBS, ("retrain",))
        for job in jobs[: len(jobs) - len(told.retrainings)]:
            told.retrainings.append(day)
            self._say(f"day {day}: {name} was retrained: {job.details.get('error') or job.details.get('judgement')}")
        moves = [move for move in registry.alias_history(name) if move.alias == CHAMPION]
        for move in moves[1 + len(told.promotions) :]:
            told.promotions.append(day)
            self._say(f"day {day}: version {registry.version(name, move.digest).number} of {name} is live")


def _model_of(entity: str) -> str:
    """The model that an entity is or belongs to; a feature is ``feature:<model>/<input>``."""
    return entity.partition(":")[2].partition("/")[0]
