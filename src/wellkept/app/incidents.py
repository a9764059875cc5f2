"""What people do with incidents and see of them, wired."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wellkept.kernel.incident import Incident
from wellkept.kernel.story import StoryKind, TimelineEntry
from wellkept.spine.incidentbook import IncidentBook
from wellkept.spine.ownership import Ownership
from wellkept.spine.regrouping import RegroupingDesk
from wellkept.spine.story import Storyteller

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

MOST_TOLD = 200


class Incidents:
    """The desk for deeds, the book for reading, and what keeps owners true."""

    def __init__(self, platform: Platform) -> None:
        stream, audit, clock = platform.stream, platform.audit, platform.clock
        self._platform = platform
        self.desk = RegroupingDesk(stream, audit, clock, platform.grouping)
        self.ownership = Ownership(stream, platform.catalogue)
        teller = Storyteller(stream, platform.gate, audit, platform.topology, clock, [self._told])
        self.book = IncidentBook(platform.state, stream, platform.gate, platform.grouping, teller, clock)

    def _told(self, incident: Incident) -> Iterator[TimelineEntry]:
        """What was told of it to whom."""
        desk = self._platform.notifications.desk
        for told in desk.of_incident(incident.id, MOST_TOLD):
            said = f"{told.what} to {told.receiver}: {told.outcome}" + (f" ({told.said})" if told.said else "")
            yield TimelineEntry(told.at, told.receiver, said, told.key, StoryKind.NOTIFICATION)
