"""What the buttons of messages do, wired: the same deeds as on the pages, in the name of who pressed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.kernel.matching import Matcher
from wellkept.spine.notify.receivers import Slack
from wellkept.spine.notify.senders.base import Request
from wellkept.spine.notify.senders.slack import ACKNOWLEDGE, RESOLVE, SILENCE
from wellkept.spine.notify.slackdoor import SlackDoor
from wellkept.store.state.webhooks import ReceivedRows

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

SILENCED_FOR = timedelta(hours=1)
MOST_FINGERPRINTS = 40
"""So many fit into one matcher."""
WHY = "by the button in Slack"


def slack_door(platform: Platform, transport: Request) -> SlackDoor:
    """The door for buttons of Slack."""
    desk = platform.incidents.desk

    def acknowledge(incident: str, by: str) -> str:
        desk.acknowledge(incident, by=by, why=WHY)
        return ""

    def resolve(incident: str, by: str) -> str:
        desk.resolve(incident, by=by, why=WHY)
        return ""

    def silence(incident: str, by: str) -> str:
        """Silence what this incident's findings say, and nothing else."""
        found = platform.stream.incident_as_listed(incident)
        if found is None:
            raise NotFoundError(f"incident {incident}", "is not known")
        ids = [member.finding for member in found.members]
        prints = dict.fromkeys(finding.fingerprint for finding in platform.stream.findings(ids=ids))
        if not prints:
            raise InputError(f"incident {incident}", "has no finding that could be silenced")
        chosen = list(prints)[:MOST_FINGERPRINTS]
        ends_at = platform.clock.now() + SILENCED_FOR
        matcher = Matcher("fingerprint", "=~", "|".join(chosen))
        platform.noise.add_silence([matcher], None, ends_at, by, f"incident {incident}, {WHY}")
        desk.note(incident, f"silenced until {ends_at:%H:%M} UTC", by=by)
        return f"{len(chosen)} of {found.count} findings are silenced until {ends_at:%H:%M} UTC."

    receivers = [one for one in platform.settings.notify.receivers if isinstance(one, Slack)]
    deeds = {ACKNOWLEDGE: acknowledge, RESOLVE: resolve, SILENCE: silence}
    return SlackDoor(receivers, platform.secrets, ReceivedRows(platform.state), deeds, transport, platform.clock)
