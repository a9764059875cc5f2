"""The runner of rewording: asks the configured model beside the diagnosis, which never waits for it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from wellkept.kernel.diagnosis import Diagnosis, Reworded
from wellkept.kernel.errors import InputError
from wellkept.kernel.incident import Incident
from wellkept.kernel.redact import redact
from wellkept.ops.diagnose.contrast import bare
from wellkept.ops.diagnose.reword import RewordSettings, cleaned, question, strayed
from wellkept.spine.graph import Graph
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.send import Reply

log = logging.getLogger(__name__)

AT_A_TIME = 3
"""Paragraphs of one turn; the others wait for the next."""


class Diagnoses(Protocol):
    """What rewording needs of the stream."""

    def incident_heads(self, *, live: bool) -> list[Incident]: ...

    def diagnoses(self, incidents: Sequence[str]) -> dict[str, Diagnosis]: ...

    def reword(self, incident: str, story: str, reworded: Reworded) -> bool: ...


class Places(Protocol):
    """What rewording needs of the topology: the names that it may not invent."""

    def graph(self, at: datetime | None = None) -> Graph: ...


class Asking(Protocol):
    """Sends a request and tells how that went, whatever goes wrong."""

    def request(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        timeout_s: float,
        ca_file: Path | None = None,
    ) -> Reply: ...


class Rewording:
    """Has the paragraphs of live incidents reworded; what fails is tried again after ``every_s``."""

    def __init__(
        self, settings: RewordSettings, stream: Diagnoses, topology: Places, secrets: Secrets, transport: Asking
    ) -> None:
        self._settings, self._stream, self._topology = settings, stream, topology
        self._secrets, self._transport = secrets, transport
        self._asked: dict[str, datetime] = {}

    def tick(self, now: datetime) -> int:
        """Reword what is due; how many paragraphs were asked for.

        Raises:
            InputError: one was not answered. The others were asked for all the same; the message never holds the key.
        """
        live = [incident.id for incident in self._stream.incident_heads(live=True)]
        self._asked = {incident: at for incident, at in self._asked.items() if incident in live}
        again = timedelta(seconds=self._settings.every_s)
        due = [
            found
            for found in self._stream.diagnoses(live).values()
            if found.story and found.reworded is None and now - self._asked.get(found.incident, now - again) >= again
        ]
        failed: InputError | None = None
        for diagnosis in sorted(due, key=lambda one: one.incident)[:AT_A_TIME]:
            self._asked[diagnosis.incident] = now
            try:
                self._reword(diagnosis, now)
            except InputError as error:
                failed = error
        if failed is not None:
            raise failed
        return min(len(due), AT_A_TIME)

    def _reword(self, diagnosis: Diagnosis, now: datetime) -> None:
        story = redact(diagnosis.story)
        text = self._answer(story)
        suspects = [bare(cause.entity) for cause in diagnosis.causes]
        refused = strayed(story, text, suspects, self._names())
        if refused:
            log.warning("a rewording of incident %s is not shown: %s", diagnosis.incident, refused)
        made = Reworded("" if refused else cleaned(text), self._settings.model, now, refused)
        self._stream.reword(diagnosis.incident, diagnosis.story, made)

    def _answer(self, story: str) -> str:
        """What the model answers.

        Raises:
            InputError: it did not answer, or not as the protocol says; the message never holds the key.
        """
        settings, place = self._settings, self._settings.url.partition("?")[0]  # some put the key behind the "?"
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if settings.key is not None:
            headers["Authorization"] = f"Bearer {self._secrets.texts(settings.key)[0]}"
        body = json.dumps(question(settings.model, story)).encode()
        reply = self._transport.request("POST", settings.url, body, headers, settings.timeout_s, settings.ca_file)
        if reply.status != 200:
            raise InputError("ops.diagnose.reword.url", f"must answer 200; {reply.said}", place)
        try:
            text = json.loads(reply.body)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
            raise InputError("ops.diagnose.reword.url", "must answer as chat completions do", place) from error
        return text if isinstance(text, str) else ""

    def _names(self) -> set[str]:
        """The names of everything known, and their last parts."""
        known = self._topology.graph().entities.values()
        return {name for entity in known for name in (entity.name, bare(entity.id), entity.id.rpartition("/")[2])}
