"""CloudEvents 1.0: the three modes, the traps of headers, and what events mean here."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ops.ingest.decoded import decoded
from tests.ops.ingest.outside import NOON, Outside

from wellkept.kernel.change import ChangeKind
from wellkept.kernel.clock import to_nanos
from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.events.cloudevents import Event, batch, binary, structured
from wellkept.ops.ingest.events.cloudevents import decoded as of_header
from wellkept.ops.ingest.events.intake import Events
from wellkept.ops.ingest.events.meaning import change_kind

HEADERS = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/ci", "ce-type": "com.example.said"}
DOCUMENT = {"specversion": "1.0", "id": "1", "source": "/ci", "type": "com.example.said"}


def test_the_modes_say_the_same() -> None:
    data = {"user": "ann", "n": [1, 2]}
    event = binary(
        {
            **HEADERS,
            "ce-time": "2026-11-25T17:54:00Z",
            "ce-subject": "x",
            "ce-color": "blue",
            "content-type": "application/json",
        },
        json.dumps(data, separators=(",", ":")).encode(),
    )
    document = {**DOCUMENT, "time": "2026-11-25T17:54:00Z", "subject": "x", "color": "blue", "data": data,
                "datacontenttype": "application/json"}  # fmt: skip

    assert structured(document) == event
    assert batch([document, document]) == [event, event]
    assert (event.at_ns, event.subject, event.extensions) == (to_nanos(NOON), "x", {"color": "blue"})
    assert event.data == data


@pytest.mark.parametrize(
    ("data", "content_type", "text"),
    [
        ({"a": 1}, "", '{"a":1}'),
        ("plain", "text/plain", "plain"),
        (None, "", ""),
        (7, "", "7"),
        ([True], "application/json", "[true]"),
    ],
)
def test_data_in_a_document(data: Any, content_type: str, text: str) -> None:
    event = structured({**DOCUMENT, "data": data, **({"datacontenttype": content_type} if content_type else {})})
    assert (event.data, event.text) == (data, text)


def test_data_in_base64_is_bytes() -> None:
    event = structured({**DOCUMENT, "data_base64": "eyJhIjoxfQ==", "datacontenttype": "application/json"})
    assert (event.data, event.text) == ({"a": 1}, '{"a":1}')


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b'{"a":1}', "application/problem+json; charset=utf-8", '{"a":1}'),
        (b"{", "application/json", "{"),
        (b"a,b", "text/csv", "a,b"),
        (b"\xff\x00", "application/octet-stream", "/wA="),
        (b"", "", ""),
    ],
)
def test_a_body_is_kept_as_text_whatever_it_is(body: bytes, content_type: str, text: str) -> None:
    assert binary({**HEADERS, "content-type": content_type}, body).text == text


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"plain", "plain"),
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        (b"%41%2fx", "A/x"),
        (b"100%25%20", "100% "),
        (b'"quoted value"', "quoted value"),
        (b'"with \\"inner\\" \\\\ quotes"', 'with "inner" \\ quotes'),
        (b'"%E2%82%AC"', "€"),
        (b"a (comment)", "a (comment)"),
        (b'mid"quote', 'mid"quote'),
        ("€".encode(), "€"),
        (b"%2525", "%25"),
        (b"  spaced  ", "spaced"),
    ],
)
def test_header_values_are_unquoted_and_decoded_once(raw: bytes, value: str) -> None:
    assert of_header("ce-x", raw) == value


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"%C0%A0", "UTF-8"),
        (b"%ED%A0%80", "UTF-8"),
        (b"%FF", "UTF-8"),
        (b"\xff", "UTF-8"),
        (b"%", "two hexadecimal digits"),
        (b"%4", "two hexadecimal digits"),
        (b"%zz", "two hexadecimal digits"),
        (b'"open', "closing quote"),
        (b'"open\\"', "closing quote"),
    ],
)
def test_header_values_that_are_refused(raw: bytes, told: str) -> None:
    with pytest.raises(InputError, match=f"ce-x: must.* {told}"):
        of_header("ce-x", raw)


@given(st.text(min_size=1, max_size=30).filter(lambda text: text == text.strip()))
@settings(deadline=None)
def test_what_a_sender_encodes_comes_back(text: str) -> None:
    needed = {" ", '"', "%"}
    encoded = "".join(
        char if "!" <= char <= "~" and char not in needed else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in text
    )
    assert of_header("ce-x", encoded.encode("ascii")) == text


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_what_is_required(name: str) -> None:
    for value in (None, ""):
        with pytest.raises(InputError, match=f"event.{name}: "):
            structured({**DOCUMENT, name: value})
    headers = {key: value for key, value in HEADERS.items() if key != f"ce-{name}"}
    with pytest.raises(InputError, match=f"event.{name}: "):
        binary(headers, b"")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"specversion": "0.3"}, "event.specversion: must be \"1.0\", got '0.3'"),
        ({"specversion": "1.1"}, "event.specversion: must be \"1.0\", got '1.1'"),
        ({"time": "yesterday"}, "event.time: must be a moment in RFC 3339"),
        ({"data": 1, "data_base64": "eA=="}, "event: must not have both data and data_base64"),
        ({"data_base64": "*"}, "event.data_base64: must be a text in base64, got '*'"),
        ({"data_base64": 7}, "event.data_base64: must be a text in base64, got 7"),
        ({"myExt": "x"}, "event.myExt: must be named in lower-case letters and digits"),
        ({"ext": {"a": 1}}, "event.ext: must be a text, a whole number or a truth value"),
        ({"ext": 1.5}, "event.ext: must be a text, a whole number or a truth value, got 1.5"),
    ],
)
def test_a_document_at_fault_is_named(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as refused:
        structured({**DOCUMENT, **fields})
    assert str(refused.value).startswith(told)


def test_the_content_type_is_no_header_of_the_event() -> None:
    with pytest.raises(InputError, match="ce-datacontenttype: must not be a header"):
        binary({**HEADERS, "ce-datacontenttype": "text/plain"}, b"")


def test_a_bad_event_of_a_list_is_named_by_its_place() -> None:
    with pytest.raises(InputError, match=r"events\[1\]\.type: is required"):
        batch([DOCUMENT, {**DOCUMENT, "type": ""}])
    with pytest.raises(InputError, match="events: must be a list"):
        batch(DOCUMENT)
    assert batch([]) == []


@pytest.mark.parametrize(
    ("files", "diff", "brought"),
    [
        (["a.py", "b/c.sql"], "+x", {"files": "a.py\nb/c.sql", "diff": "+x"}),
        ("a.py b.py", "", {"files": "a.py\nb.py"}),
        ([1, None], {"not": "text"}, {}),
    ],
)
def test_a_change_keeps_the_files_and_the_diff_that_it_brings(
    files: object, diff: object, brought: dict[str, str], world: Outside
) -> None:
    data = {"service": "checkout", "files": files, "diff": diff}
    (change,) = events(world).sort([deployed(data=data)]).changes
    assert {name: text for name, text in change.attributes.items() if name in ("files", "diff")} == brought


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("dev.cdevents.service.deployed.0.2.0", ChangeKind.DEPLOY),
        ("dev.cdevents.service.rolledback.0.2.0", ChangeKind.DEPLOY),
        ("dev.cdevents.service.upgraded.0.2.0", ChangeKind.DEPLOY),
        ("dev.cdevents.environment.modified.0.2.0", ChangeKind.CONFIGURATION),
        ("com.example.DeploymentFinished", ChangeKind.DEPLOY),
        ("com.example.featureFlag.toggled", ChangeKind.CONFIGURATION),
        ("com.example.config_changed", ChangeKind.CONFIGURATION),
        ("com.example.service.scaled", ChangeKind.SCALING),
        ("com.example.schema.migrated", ChangeKind.SCHEMA),
        ("com.example.deployment.queued", None),
        ("com.example.featureflag.evaluated", None),
        ("com.example.config.read", None),
        ("dev.cdevents.pipelinerun.started.0.2.0", None),
        ("com.github.pull_request.opened", None),
        ("org.kubeflow.serving.inference.request", None),
        ("", None),
    ],
)
def test_which_types_say_a_change(event_type: str, kind: ChangeKind | None) -> None:
    assert change_kind(event_type) is kind


def deployed(**fields: Any) -> Event:
    return structured({**DOCUMENT, "type": "com.example.deployed", "time": "2026-11-25T17:50:00Z", **fields})


def events(world: Outside) -> Events:
    return Events(world.stream, world.identity, world.clock)


def test_a_deploy_is_a_change_of_the_service_it_names(world: Outside) -> None:
    data = {"service": "checkout", "message": "v42", "user": "ann", "url": "https://ci/42"}
    sorted_ = events(world).sort([deployed(data=data)])

    (change,) = sorted_.changes
    assert (change.entity, change.kind, change.at) == (
        "service:checkout",
        ChangeKind.DEPLOY,
        NOON - timedelta(minutes=4),
    )
    assert (change.actor, change.summary, change.reference) == ("ann", "v42", "https://ci/42")
    assert change.attributes["cloudevents.event_type"] == "com.example.deployed"
    assert len(sorted_.records) == 0


@pytest.mark.parametrize(
    ("fields", "entity"),
    [
        ({"subject": "/apps/checkout"}, "service:checkout"),
        ({"subject": "urn:service:payments"}, "service:shop/payments"),
        ({"subject": "brand-new"}, "service:brand-new"),
        ({"data": {"subject": {"id": "/ns/checkout", "content": {"artifactId": "x"}}}}, "service:checkout"),
        ({"data": {"subject": {"id": "x", "content": {"service": "checkout"}}}}, "service:checkout"),
        ({"data": {"host": "web-1"}}, "host:4c4c-web-1"),
    ],
)
def test_whom_a_change_is_of(fields: dict[str, Any], entity: str, world: Outside) -> None:
    (change,) = events(world).sort([deployed(**fields)]).changes
    assert change.entity == entity
    assert change.actor == "/ci"


def test_a_change_of_nothing_that_can_be_named_is_kept_as_a_record(world: Outside) -> None:
    sorted_ = events(world).sort([deployed()])
    assert sorted_.changes == ()
    assert len(sorted_.records) == 1


def test_what_is_no_change_is_a_log_record(world: Outside) -> None:
    event = structured(
        {**DOCUMENT, "time": "2026-11-25T17:54:00Z", "subject": "s", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
         "data": {"service": "checkout", "level": "error", "text": "no"}}
    )  # fmt: skip
    (found,) = decoded(events(world).sort([event]).records.bodies())

    assert found.text == '{"service":"checkout","level":"error","text":"no"}'
    assert (found.at, found.number, found.event, found.trace) == (to_nanos(NOON), 17, "com.example.said", "a" * 32)
    assert found.resource == {"service.name": "checkout"}
    assert found.attributes == {
        "cloudevents.event_id": "1",
        "cloudevents.event_source": "/ci",
        "cloudevents.event_type": "com.example.said",
        "cloudevents.event_subject": "s",
        "cloudevents.event_spec_version": "1.0",
        "cloudevents.traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    }


def test_source_and_id_are_what_an_event_is(world: Outside) -> None:
    door = events(world)
    first, other = structured(DOCUMENT), structured({**DOCUMENT, "source": "/cd"})

    sorted_ = door.sort([first, first, other])
    assert len(sorted_.records) == 2
    assert len(door.sort([first]).records) == 1  # not stored yet, so not seen yet
    door.done(sorted_.keys)

    assert len(door.sort([first, other]).records) == 0
    assert len(door.sort([structured({**DOCUMENT, "id": "2"})]).records) == 1
