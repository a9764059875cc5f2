"""Back-tests over a recording: its telemetry goes into a fresh store, and the rules are tried there."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from wellkept.app.backtest import near, tried
from wellkept.app.replay import Replay, Wish, at_step, step_for
from wellkept.app.settings import Ops
from wellkept.kernel.clock import from_nanos
from wellkept.ops.detect.rules.backtest import Backtest, Known, KnownIncident
from wellkept.ops.detect.rules.incidents import load_incidents
from wellkept.ops.detect.rules.loading import load_file
from wellkept.ops.ingest.identity import Identity
from wellkept.ops.ingest.recording.recording import Recording, find, read


def backtest_recording(wish: Wish, rules: Path, incidents: Path | None, settings: Ops) -> Backtest:
    """Try the rules of a file over a recording. Known incidents are those of a file, else the recording's own case.

    Raises:
        NotFoundError: a file or the recording is not there.
        DocumentError: the rules, the incidents or the layout have mistakes.
        InputError: a file of the recording is broken.
    """
    loaded = load_file(rules)
    recording = read(find(wish.folder, wish.layout), wish.case)
    known = load_incidents(incidents) if incidents is not None else _own(recording)
    chosen = at_step(settings.model_copy(update={"rules": ()}), wish.step_s or step_for(recording, settings))
    with contextlib.ExitStack() as stack:
        folder = wish.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wellkept-backtest-")))
        run = stack.enter_context(contextlib.closing(Replay(recording, folder, chosen)))
        run.feed(recording.first_ns - 1, recording.last_ns)
        run.observe()
        end = from_nanos(recording.last_ns)
        start = recording.begin or from_nanos(recording.first_ns)
        locate = Identity(run.topology, run.clock).entity_of
        return tried(run.telemetry, loaded, start, end, Known(known, locate, near(run.topology.graph(end))))


def _own(recording: Recording) -> Sequence[KnownIncident]:
    """The case that a recording is about, where it says when that begins; whom it is about is not known."""
    if recording.begin is None:
        return []
    name = recording.case or "the recorded case"
    return [KnownIncident(name, name, recording.begin, from_nanos(recording.last_ns))]
