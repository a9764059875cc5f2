"""Hosts in words for people: by their names, where what tells them apart says nothing to anybody."""

from __future__ import annotations

import pytest

from wellkept.kernel.entity import Entity, EntityKind
from wellkept.kernel.hostnames import by_name, host_in, host_names

MACHINE = "3d1219c7c4c5404aaa1f6d2a48adfda4"


def host(identity: str, name: str) -> Entity:
    return Entity(EntityKind.HOST, f"host:{identity}", name)


@pytest.mark.parametrize(
    ("entity", "wanted"),
    [
        (f"host:{MACHINE}", MACHINE),
        (f"disk:{MACHINE}:/var/log", MACHINE),
        (f"process:{MACHINE}:4711", MACHINE),
        ("service:shop/checkout", ""),
        ("container:shop/web-1", ""),
        ("", ""),
    ],
)
def test_the_host_in_an_id(entity: str, wanted: str) -> None:
    assert host_in(entity) == wanted


def test_names_are_of_hosts_whose_id_says_less() -> None:
    service = Entity(EntityKind.SERVICE, "service:checkout-in-berlin", "checkout")
    known = [host(MACHINE, "web-1"), host("web-server-2", "web-server-2"), host("web", "other"), service]
    assert host_names(known) == {MACHINE: "web-1"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"Disk of {MACHINE}:/var is running out", "Disk of web-1:/var is running out"),
        (f"CPU of {MACHINE}.", "CPU of web-1."),
        (f"({MACHINE}, i-0a1b2c3d.eu)", "(web-1, db)"),
        (f"{MACHINE}0 and x{MACHINE} are others", f"{MACHINE}0 and x{MACHINE} are others"),
        ("nobody", "nobody"),
    ],
)
def test_ids_become_names_where_they_are_whole_words(text: str, wanted: str) -> None:
    assert by_name(text, {MACHINE: "web-1", "i-0a1b2c3d.eu": "db"}) == wanted
    assert by_name(text, {}) == text
