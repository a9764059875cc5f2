"""The journal of long work: what each of its steps came to, kept in its job, so that it goes on after a crash.

A step has a key: the digest of all that it depends on. Work that goes on finds its own steps by their keys and does
not do them again; other work on the same inputs may take them over. What a step came to is an artifact; the job holds
its digest.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from wellkept.kernel.errors import NotFoundError, StoreError
from wellkept.spine.registry import Job, Registry
from wellkept.store.artifacts.artifacts import Artifacts

RUNS = ("train", "retrain")
"""The kinds of jobs that keep a journal. Of others, such as checks, there may be thousands between two of them."""
SEARCHED = 200
"""In so many of the subject's latest jobs a step is looked for."""
HELD = "artifacts"
"""The name, in a step's result, of the artifacts that it cannot be taken over without."""
OWN = "own"
"""The name, in a step's result, of whether no other job takes it over: the machine's state had a part in it."""

Result = Mapping[str, Any]


class Journal:
    """The steps of one job. For one thread."""

    def __init__(self, registry: Registry, artifacts: Artifacts, job: Job, *, fresh: bool = False) -> None:
        """``fresh`` takes nothing over from other jobs."""
        self._registry, self._artifacts, self.job, self._fresh = registry, artifacts, job, fresh
        self.taken: dict[str, str] = {}
        """Steps that were not done here and now: the name, and the job that did it."""

    def step(self, name: str, key: str, work: Callable[[], Result], *, shared: bool = True) -> Result:
        """What a step comes to: done before, in this job or (where it is ``shared``) another one, or done now.

        The result must be JSON values. What ``work`` raises goes on, and leaves nothing in the journal.
        """
        self.note(phase=name)
        found = self._known(self.job, name, key)
        if found is not None:
            self.taken[name] = self.job.id
            return found
        if shared and not self._fresh:
            for other in self._registry.jobs(self.job.subject, limit=SEARCHED, kinds=RUNS):
                found = self._known(other, name, key)
                if found is not None:
                    self.taken[name] = other.id
                    self._write(name, key, found, 0.0, other.id)
                    return found
        began = time.perf_counter()
        done = work()
        self._write(name, key, done, time.perf_counter() - began, "")
        return done

    def note(self, **details: Any) -> None:
        """Write something into the job's details."""
        self.job = replace(self.job, details={**self.job.details, **details})
        self._registry.save_job(self.job)

    def _known(self, job: Job, name: str, key: str) -> Result | None:
        """What a job's step came to, when everything that belongs to it is still there and whole."""
        for entry in job.details.get("steps", ()):
            if (entry["name"], entry["key"]) != (name, key):
                continue
            try:
                found: Result = json.loads(self._artifacts.get_bytes(entry["result"]))
            except (NotFoundError, StoreError):
                return None
            if found.get(OWN) and job.id != self.job.id:
                return None
            return found if all(self._artifacts.has(digest) for digest in found.get(HELD, ())) else None
        return None

    def _write(self, name: str, key: str, result: Result, seconds: float, taken_from: str) -> None:
        stored = self._artifacts.put_bytes(json.dumps(result, sort_keys=True).encode())
        entry = {"name": name, "key": key, "result": stored, "seconds": round(seconds, 3), "from": taken_from}
        others = [other for other in self.job.details.get("steps", ()) if other["name"] != name]
        self.note(steps=[*others, entry])
