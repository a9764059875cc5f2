"""Which paths are of a registered version, and that the list is read anew when it may have grown."""

from __future__ import annotations

import pytest

from wellkept.ml.register.sealed import Sealed, place_of
from wellkept.store.mlflow.client import MlflowVersion


@pytest.mark.parametrize(
    ("source", "inside", "outside"),
    [
        ("models:/m-1", "3/models/m-1/artifacts/model.lgb", "3/models/m-12/artifacts/model.lgb"),
        ("runs:/abc/model", "3/abc/artifacts/model/MLmodel", "3/abc/artifacts/model2/MLmodel"),
        ("mlflow-artifacts:/3/abc/artifacts/model", "3/abc/artifacts/model", "3/abc/artifacts/plot.png"),
    ],
)
def test_the_paths_of_a_source(source: str, inside: str, outside: str) -> None:
    place = place_of(source)

    assert place is not None
    assert place.search(f"/api/2.0/mlflow-artifacts/artifacts/{inside}")
    assert not place.search(f"/api/2.0/mlflow-artifacts/artifacts/{outside}")


def test_places_of_other_stores_are_not_written_through_us() -> None:
    assert place_of("s3://bucket/model") is None


def test_the_list_is_read_anew_when_a_version_may_have_been_made() -> None:
    known: list[MlflowVersion] = []
    sealed = Sealed(lambda: known)

    assert not sealed.holds("1/models/m-1/artifacts/x")
    known.append(MlflowVersion("fraud", "1", source="models:/m-1"))
    assert not sealed.holds("1/models/m-1/artifacts/x"), "remembered for some seconds"
    sealed.stale()
    assert sealed.holds("1/models/m-1/artifacts/x")
