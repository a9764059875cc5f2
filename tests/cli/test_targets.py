"""``wellkept targets`` against a server that scrapes nothing; one that does is in ``tests/app/test_scraper.py``."""

from __future__ import annotations

from tests.cli.conftest import Program


def test_a_server_without_targets_says_where_they_would_be_named(program: Program) -> None:
    assert program("targets").out == "Nothing is scraped. ingest.scrape in wellkept.yaml names what should be.\n"
    assert program("targets", "--json").document == {"targets": [], "files": {}}
