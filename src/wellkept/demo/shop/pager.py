"""The pager of whoever is on duty: takes what the platform sends, and remembers what it was about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from wellkept.demo.shop.web import Body, Handler

PATH = "/pager"


class Pager:
    """A receiver of webhooks (CloudEvents)."""

    def __init__(self) -> None:
        self._told: defaultdict[str, list[str]] = defaultdict(list)

    @property
    def routes(self) -> Mapping[str, Handler]:
        return {f"POST {PATH}": self.take, "GET /admin/pages": self.pages}

    async def take(self, event: Body) -> Body:
        """A message: it is about the event's subject, such as ``incident:inc-1``."""
        self._told[event["subject"]].append(event["type"])
        return {}

    async def pages(self, _: Body) -> Body:
        """What it was told, in order, by subject."""
        return dict(self._told)
