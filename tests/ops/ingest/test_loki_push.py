"""Loki's push requests: both encodings, the notation of labels, and a bad entry that takes no other with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import cramjam
import pytest
from tests.ops.ingest.decoded import Decoded, decoded
from tests.ops.ingest.outside import Outside

from wellkept.kernel.errors import InputError, TooLargeError
from wellkept.ops.ingest.loki import PushReader, labels_of

AT = 1_795_629_218_632_000_001
LIMIT = 1 << 20


def sized(number: int, content: bytes) -> bytes:
    assert len(content) < 1 << 14
    length = bytes([len(content)]) if len(content) < 128 else bytes([len(content) & 127 | 128, len(content) >> 7])
    return bytes([number << 3 | 2]) + length + content


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def entry(line: bytes, at: int = AT, **metadata: str) -> bytes:
    moment = b"\x08" + varint(at // 10**9) + b"\x10" + varint(at % 10**9)
    pairs = b"".join(sized(3, sized(1, k.encode()) + sized(2, v.encode())) for k, v in metadata.items())
    return sized(2, sized(1, moment) + sized(2, line) + pairs)


def push(labels: bytes, *entries: bytes) -> bytes:
    """A request as Promtail encodes it: a stream's labels, its entries, and a hash that nobody needs."""
    content = sized(1, sized(1, labels) + b"".join(entries) + b"\x18\x07")
    return bytes(cramjam.snappy.compress_raw(content))


def of_json(world: Outside, *streams: Any, tenant: str = "") -> tuple[list[Decoded], list[str]]:
    body = json.dumps({"streams": streams}).encode()
    records, mistakes = PushReader(world.identity).json(body, tenant, 5)
    return decoded(records.bodies()), [str(mistake) for mistake in mistakes]


def of_protobuf(world: Outside, body: bytes) -> tuple[list[Decoded], list[str]]:
    records, mistakes = PushReader(world.identity).protobuf(body, "", 5, LIMIT)
    return decoded(records.bodies()), [str(mistake) for mistake in mistakes]


def test_both_encodings_say_the_same(world: Outside) -> None:
    stream = {
        "stream": {"job": "checkout", "host": "web-1", "filename": "/var/log/a.log", "level": "warn", "color": "blue"},
        "values": [
            [str(AT), "one"],
            [str(AT + 1), "two", {"trace_id": "0af7651916cd43dd8448eb211c80319c", "user": "7"}],
        ],
    }
    labels = b'{job="checkout", host="web-1", filename="/var/log/a.log", level="warn", color="blue"}'
    two = entry(b"two", AT + 1, trace_id="0af7651916cd43dd8448eb211c80319c", user="7")

    told, mistakes = of_json(world, stream)

    assert of_protobuf(world, push(labels, entry(b"one"), two)) == (told, mistakes) == (told, [])
    second, first = sorted(told, key=lambda record: -record.at)
    assert (first.text, first.at, first.number, first.level) == ("one", AT, 13, "warn")
    assert first.resource == {
        "service.name": "checkout",
        "host.id": "4c4c-web-1",
        "host.name": "web-1",
        "log.file.path": "/var/log/a.log",
    }
    assert first.attributes == {"color": "blue"}
    assert (second.attributes, second.trace) == ({"color": "blue", "user": "7"}, "0af7651916cd43dd8448eb211c80319c")
    assert first.scope == "loki"


def test_the_tenant_is_kept(world: Outside) -> None:
    told, _ = of_json(world, {"stream": {"app": "a"}, "values": [[str(AT), "x"]]}, tenant="team-1")
    assert told[0].resource == {"service.name": "a", "loki.tenant": "team-1"}


def test_an_entrys_own_level_counts_more_than_its_streams(world: Outside) -> None:
    values = [[str(AT), "a", {"detected_level": "error"}], [str(AT), "b", {"level": "odd"}], [str(AT), "c"]]
    told, _ = of_json(world, {"stream": {"app": "a", "level": "info"}, "values": values})
    assert {record.text: (record.number, record.level) for record in told} == {
        "a": (17, "error"),
        "b": (0, "odd"),
        "c": (9, "info"),
    }


def test_a_bad_entry_takes_no_other_with_it(world: Outside) -> None:
    good = [str(AT), "good"]
    bad: list[Any] = [
        ["soon", "x"],
        ["-1", "x"],
        [True, "x"],
        [str(1 << 62), "x"],
        [str(AT), 7],
        [str(AT)],
        "x",
        [str(AT), "x", {"a": 1}],
    ]

    told, mistakes = of_json(
        world, {"stream": {"app": "a"}, "values": [*bad, good]}, {"stream": {}, "values": [good]}, 7
    )

    assert [record.text for record in told] == ["good"]
    assert mistakes == [
        "streams[0].values[0][0]: must be nanoseconds since the epoch, as a text, got 'soon'",
        "streams[0].values[1][0]: must be nanoseconds since the epoch, as a text, got '-1'",
        "streams[0].values[2][0]: must be nanoseconds since the epoch, as a text, got True",
        "streams[0].values[3][0]: must be nanoseconds since the epoch, as a text, got '4611686018427387904'",
        "streams[0].values[4][1]: must be a text, got 7",
        f"streams[0].values[5]: must be a list of a time, a line and, where there is some, metadata, got ['{AT}']",
        "streams[0].values[6]: must be a list of a time, a line and, where there is some, metadata, got 'x'",
        "streams[0].values[7][2]: must be an object of texts, got {'a': 1}",
        "streams[1]: error at least one label pair is required per stream",
        "streams[2]: must be an object, got 7",
    ]  # fmt: skip


def test_a_stream_with_labels_that_cannot_be_read_takes_no_other_with_it(world: Outside) -> None:
    body = bytes(cramjam.snappy.decompress_raw(push(b"{a=}", entry(b"lost")))) + bytes(
        cramjam.snappy.decompress_raw(push(b'{a="b"}', entry(b"good")))
    )
    told, mistakes = of_protobuf(world, bytes(cramjam.snappy.compress_raw(body)))
    assert [record.text for record in told] == ["good"]
    assert mistakes == ["error parsing labels: must have name=\"value\" at character 1, got '{a=}'"]


def test_a_line_that_is_no_text_is_kept_readable(world: Outside) -> None:
    told, _ = of_protobuf(world, push(b'{a="b"}', entry(b"caf\xe9")))
    assert told[0].text == "caf\\xe9"


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('{job="x"}', {"job": "x"}),
        ("{}", {}),
        (' { job = "x" , b="y", } ', {"job": "x", "b": "y"}),
        (r'{a="q\"uo\\te\n\t\x41\u20ac\U0001F600\101"}', {"a": 'q"uo\\te\n\tA€😀A'}),
        ("{a=`raw\\n`}", {"a": "raw\\n"}),
        (r'{a="\ud800"}', {"a": "\ufffd"}),
        ('{a="x,y}"}', {"a": "x,y}"}),
    ],
)
def test_the_notation_of_labels(text: str, labels: Mapping[str, str]) -> None:
    assert labels_of(text) == labels


@pytest.mark.parametrize("text", ["", "job", "{", '{a="b"', "{a}", '{a="b" c="d"}', '{="b"}', '{a="b}', '{1a="b"}'])
def test_what_is_no_set_of_labels_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="error parsing labels"):
        labels_of(text)


def test_the_length_that_a_block_claims_is_looked_at_before_it_is_unpacked(
    world: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Never:
        decompress_raw_len = staticmethod(cramjam.snappy.decompress_raw_len)

    monkeypatch.setattr(cramjam, "snappy", Never)
    with pytest.raises(TooLargeError, match="after decompression, got 2097152"):
        of_protobuf(world, varint(2 << 20) + b"\x00")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "push request: must be a snappy block, is empty"),
        (b"\xff\xff", "push request: must be a snappy block: "),
        (push(b'{a="b"}', entry(b"x"))[:-2], "push request: must be a snappy block: "),
        (bytes(cramjam.snappy.compress_raw(b"\x0a\xff")), "push request: must be a protobuf PushRequest"),
    ],
)
def test_what_is_damaged_is_refused(body: bytes, told: str, world: Outside) -> None:
    with pytest.raises(InputError) as refused:
        of_protobuf(world, body)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "push request: must be JSON"),
        (b"[]", "push request.streams: must be a list"),
        (b'{"streams":7}', "push request.streams"),
    ],
)
def test_json_that_is_no_push_is_refused(body: bytes, told: str, world: Outside) -> None:
    with pytest.raises(InputError) as refused:
        PushReader(world.identity).json(body, "", 0)
    assert str(refused.value).startswith(told)
