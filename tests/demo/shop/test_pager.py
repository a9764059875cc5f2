"""The pager of whoever is on duty."""

from __future__ import annotations

import asyncio

from wellkept.demo.shop.pager import Pager


def test_it_remembers_what_it_was_told_by_what_it_was_about() -> None:
    pager = Pager()
    for subject, kind in (("incident:inc-1", "opened"), ("incident:inc-2", "opened"), ("incident:inc-1", "over")):
        asyncio.run(pager.take({"subject": subject, "type": f"incident.{kind}"}))

    told = asyncio.run(pager.pages({}))
    assert told == {"incident:inc-1": ["incident.opened", "incident.over"], "incident:inc-2": ["incident.opened"]}
