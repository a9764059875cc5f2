"""Templates write what Prometheus would, and refuse what they cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.ops.detect.rules.functions import Facts, humanize, humanize_1024, humanize_duration, number
from wellkept.ops.detect.rules.pipelines import UnsupportedError
from wellkept.ops.detect.rules.templates import compiled, lenient

UP = [Facts({"__name__": "up", "instance": "b"}, 1.0), Facts({"__name__": "up", "instance": "a"}, 3.5)]
FACTS = Facts(
    {"instance": "db1:9100", "job": "postgres"},
    0.12345,
    lambda query: UP if query in ("up", "up{job='postgres'}") else (),
)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{{ $labels.instance }} of {{ .Labels.job }}", "db1:9100 of postgres"),
        ("{{ $labels.nothing }}!", "!"),
        ('{{ index $labels "job" }}', "postgres"),
        ("{{ $value }} {{ .Value }}", "0.12345 0.12345"),
        ("{{ $value | humanizePercentage }}", "12.35%"),
        ('{{ printf "%.1f of %s" $value $labels.job }}', "0.1 of postgres"),
        ('{{ $labels.job | toUpper | printf "<%s>" }}', "<POSTGRES>"),
        ('{{ reReplaceAll "(.*):.*" "$1" $labels.instance }}', "db1"),
        ("{{ stripPort $labels.instance }}", "db1"),
        ("{{ if gt $value 0.5 }}high{{ else }}low{{ end }}", "low"),
        ('{{ if gt $value 0.5 }}a{{ else if eq $labels.job "postgres" }}b{{ else }}c{{ end }}', "b"),
        ("{{ if $labels.nothing }}a{{ end }}b", "b"),
        ("a  {{- $labels.job -}}  b", "apostgresb"),
        ("{{/* a remark */}}b", "b"),
        ("{{ $externalLabels.cluster }}x", "x"),
        ('{{ if match "^post" $labels.job }}yes{{ end }}', "yes"),
        ("{{ `raw` }}", "raw"),
        ("{{ with $labels.job -}} on {{ . }} {{- end }}!", "on postgres!"),
        ("a {{ with $labels.nothing }}on {{ . }}{{ else }}nowhere, {{ .Labels.job }}{{ end }}", "a nowhere, postgres"),
        ("{{ with $labels.nothing }}a{{ else with $labels.job }}{{ . | toUpper }}{{ end }}", "POSTGRES"),
        ("{{ with $labels }}{{ .job }}{{ $.Labels.instance }}{{ $value }}{{ end }}", "postgresdb1:91000.12345"),
        ('{{ query "up" | first | value | humanize }}', "1"),
        ('{{ with query "up" }}{{ . | first | label "instance" }}{{ end }}', "b"),
        ("{{ with printf \"up{job='%s'}\" $labels.job | query }}{{ len . }}{{ end }}", "2"),
        ('{{ range query "up" | sortByLabel "instance" }}{{ .Labels.instance }}={{ .Value }} {{ end }}', "a=3.5 b=1 "),
        ('{{ range query "down" }}x{{ else }}none{{ end }}', "none"),
        ("{{ range $labels }}{{ . }},{{ end }}", "db1:9100,postgres,"),
        ('{{ query "down" | first | value }}', "NaN"),
        ('{{ (query "up" | first).Value }} {{ (index $labels "job") }}', "1 postgres"),
        ('{{ "}}" }}', "}}"),
    ],
)
def test_templates_are_filled(template: str, text: str) -> None:
    assert compiled(template).filled(FACTS) == text


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ('{{ define "x" }}a{{ end }}', "uses define, which is not supported here"),
        ("{{ range $labels }}{{ range $labels }}x{{ end }}{{ end }}", "has a range within a range"),
        ("{{ $x := 1 }}", "sets a variable"),
        ("{{ range $i, $x := $labels }}x{{ end }}", "sets a variable"),
        ("{{ $x }}", r"uses \$x, which is not known"),
        ("{{ .Nothing }}", "uses .Nothing, which is not known"),
        ("{{ with $value }}x", "has a with without an end"),
        ("{{ if $value }}a{{ else }}b{{ else }}c{{ end }}", "has else without an if"),
        ("{{ query }}", "gives query 0 arguments"),
        ("{{ not " * 300, "has braces that are not closed"),
        ("{{ " + "not (" * 300, "has braces that are not closed"),
        ("{{ " + "1 | not " * 200 + "}}", "must have at most 200 words"),
        ("{{ frobnicate $value }}", "uses frobnicate, which is not known"),
        ("{{ $value", "has braces that are not closed"),
        ("{{ if $value }}x", "has an if without an end"),
        ("x{{ end }}", "has end without an if"),
        ("{{ humanize }}", "gives humanize 0 arguments"),
        ("{{ $value $value }}", "has a value where a function has to be"),
        ("{{ }}", "has a place with nothing in it"),
        ("{{ (humanize $value }}", "has a bracket that is not closed"),
        ("{{ humanize $value) }}", "has a bracket that is not opened"),
    ],
)
def test_what_is_no_template_here_is_named(template: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        compiled(template)


@pytest.mark.parametrize(
    "text", ['{{ define "x" }}a{{ end }}', "{{ range $i, $x := $labels }}x{{ end }}", "{{ $value | toTime }}"]
)
def test_an_annotation_that_is_not_supported_stays_as_it_is_written(text: str) -> None:
    template = lenient(text)
    assert template.filled(FACTS) == text
    assert "not supported here" in template.problem


def test_an_annotation_that_is_no_template_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="not closed") as caught:
        lenient("{{ $value")
    assert not isinstance(caught.value, UnsupportedError)


def test_only_a_template_with_the_value_changes_with_it() -> None:
    assert compiled("{{ $value }}").uses_value
    assert compiled("{{ .Value | humanize }}").uses_value
    assert compiled("{{ . }}").uses_value
    assert not compiled("{{ $labels.job }} value").uses_value


@pytest.mark.parametrize(
    ("value", "metric", "binary", "duration"),
    [
        (0.0, "0", "0", "0s"),
        (1234567.0, "1.235M", "1.177Mi", "14d 6h 56m 7s"),
        (0.012, "12m", "0.012", "12ms"),
        (59.5, "59.5", "59.5", "59.5s"),
        (-3725.0, "-3.725k", "-3.638ki", "-1h 2m 5s"),
        (float("inf"), "+Inf", "+Inf", "+Inf"),
    ],
)
def test_numbers_are_written_as_prometheus_does(value: float, metric: str, binary: str, duration: str) -> None:
    assert (humanize(value), humanize_1024(value), humanize_duration(value)) == (metric, binary, duration)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1e-7, "1e-07"),
        (0.1, "0.1"),
        (5e20, "500000000000000000000"),
        (1e21, "1e+21"),
        (float("nan"), "NaN"),
    ],
)
def test_values_are_written_as_go_does(value: float, text: str) -> None:
    assert number(value) == text


@given(st.text(max_size=40))
def test_any_text_is_a_template_or_a_mistake(text: str) -> None:
    try:
        template = compiled(text)
    except ValueError:
        return
    assert isinstance(template.filled(FACTS), str)
