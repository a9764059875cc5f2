"""Addresses, groups and jobs: what is asked, and how its series are called."""

from __future__ import annotations

import pytest

from wellkept.kernel.errors import ConflictError, InputError
from wellkept.ops.ingest.scrape.address import Address
from wellkept.ops.ingest.scrape.job import Job
from wellkept.ops.ingest.scrape.negotiation import ACCEPT, Dialect, asking, dialect_of
from wellkept.ops.ingest.scrape.targets import checked, own_targets


@pytest.mark.parametrize(
    ("text", "url", "place"),
    [
        ("web:9100", "http://web:9100/metrics", "web:9100"),
        ("web", "http://web/metrics", "web"),
        ("[::1]:80", "http://[::1]:80/metrics", "[::1]:80"),
        ("10.0.0.1:1", "http://10.0.0.1:1/metrics", "10.0.0.1:1"),
        ("https://web", "https://web/metrics", "web"),
        ("https://web:1/other?a=b", "https://web:1/other?a=b", "web:1"),
        ("http://web?a=b", "http://web/?a=b", "web"),
    ],
)
def test_an_address_is_asked_at_a_url(text: str, url: str, place: str) -> None:
    address = Address.read(text)

    assert (address.url("http", "/metrics", {}), address.place) == (url, place)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "web:0",
        "web:65536",
        "web:x",
        "ftp://web",
        "http://a:b@web",
        "a@b",
        "web/metrics",
        "http://web/#a",
        "we b",
        "a:1\n",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        Address.read(text)


def test_parameters_go_into_the_url() -> None:
    address = Address.read("web:1")

    assert (
        address.url("https", "/m", {"collect[]": ["cpu", "a b"]})
        == "https://web:1/m?collect%5B%5D=cpu&collect%5B%5D=a+b"
    )
    assert address.url("http", "/m?x=1", {"y": ["2"]}) == "http://web:1/m?x=1&y=2"


def test_labels_of_a_group_count_more_than_those_of_the_job() -> None:
    job = Job.model_validate(
        {
            "job": "shop",
            "targets": ["a:1", "a:1"],
            "labels": {"env": "test", "zone": ""},
            "groups": [{"targets": ["b:1"], "labels": {"env": "live", "job": "other", "instance": "b"}}],
        }
    )

    assert {dict(found.labels)["instance"]: (found.url, dict(found.labels)) for found in own_targets(job).values()} == {
        "a:1": ("http://a:1/metrics", {"env": "test", "instance": "a:1", "job": "shop"}),
        "b": ("http://b:1/metrics", {"env": "live", "instance": "b", "job": "other"}),
    }


def test_two_addresses_must_not_write_the_same_series() -> None:
    job = Job.model_validate({"job": "shop", "targets": ["a:1", "http://a:1/b?token=x"]})

    with pytest.raises(ConflictError, match=r"job shop: target http://a:1/b: must have other labels") as raised:
        checked((job,))
    assert "token" not in str(raised.value)


def test_two_jobs_have_two_names() -> None:
    job = Job.model_validate({"job": "shop", "targets": ["a:1"]})

    with pytest.raises(InputError, match="job: must have a name of its own, got 'shop'"):
        checked((job, job))


def test_an_answer_may_take_ten_seconds_or_as_long_as_the_interval() -> None:
    def patience(**said: object) -> float:
        return Job.model_validate({"job": "a", "targets": ["a:1"], **said}).patience_s

    assert (patience(), patience(every_s=5), patience(every_s=5, timeout_s=2)) == (10, 5, 2)


def test_what_is_asked_for() -> None:
    weights = [float(part.rpartition("q=")[2]) for part in ACCEPT.split(",")]

    assert weights == [0.5, 0.4, 0.3, 0.2, 0.1]
    assert ACCEPT.startswith("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,")
    assert "text/plain;version=0.0.4;q=0.2" in ACCEPT
    assert asking(2.5)["X-Prometheus-Scrape-Timeout-Seconds"] == "2.5"


@pytest.mark.parametrize(
    ("content_type", "dialect"),
    [
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", Dialect.OPENMETRICS),
        ("Application/OpenMetrics-Text", Dialect.OPENMETRICS),
        ("text/plain; version=0.0.4", Dialect.TEXT),
        ("text/html", Dialect.TEXT),
        ("application/vnd.google.protobuf", Dialect.TEXT),
        ("", Dialect.TEXT),
    ],
)
def test_an_unknown_content_type_is_taken_for_the_oldest_text_format(content_type: str, dialect: Dialect) -> None:
    assert dialect_of(content_type) is dialect
