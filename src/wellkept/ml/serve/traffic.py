"""Which version of a model answers a request, and which ones are only tried on it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from wellkept.kernel.errors import InputError
from wellkept.ml.serve.served import CHAMPION, Served

CHALLENGER, SHADOW = "challenger", "shadow"
BUCKETS = 1024
WHOLE = 1 << 64


@dataclass(frozen=True, slots=True)
class Choice:
    """Who answers. ``shadows`` are scored off the request's path; ``arm`` is logged with the prediction.

    ``bucket`` tells callers apart without naming them: one caller is always in the same one, many share it.
    """

    answers: Served
    shadows: tuple[Served, ...] = ()
    arm: str = ""
    bucket: int = -1


class Traffic(Protocol):
    """How requests are shared out among the versions of one model."""

    def choose(self, entity_key: str, prediction: str) -> Choice:
        """Who answers a request; the same for the same key. It is asked for every request, so it never waits."""
        ...


class ChampionAnswers:
    """Every request goes to one version."""

    def __init__(self, champion: Served) -> None:
        self._choice = Choice(champion)

    def choose(self, entity_key: str, prediction: str) -> Choice:  # noqa: ARG002 - the signature of Traffic
        return self._choice


class Split:
    """The challenger answers its share of the keys, and shadows are tried on every request.

    A key is hashed with the rollout's salt, so it stays in its arm for the life of the rollout; when the share grows,
    keys go over to the challenger and none comes back. A request without a key of its own is its own key.
    """

    def __init__(self, champion: Served, challenger: Served | None, shadows: tuple[Served, ...], salt: str) -> None:
        share = _share(challenger) if challenger is not None else 0.0
        self._below, self._salt = round(share * WHOLE), salt.encode()[: hashlib.blake2b.MAX_KEY_SIZE]
        self._champion = tuple(Choice(champion, shadows, CHAMPION, bucket) for bucket in range(BUCKETS))
        own = challenger or champion
        self._challenger = tuple(Choice(own, shadows, CHALLENGER, bucket) for bucket in range(BUCKETS))

    def choose(self, entity_key: str, prediction: str) -> Choice:
        data = (entity_key or prediction).encode("utf-8", "surrogatepass")
        found = int.from_bytes(hashlib.blake2b(data, digest_size=8, key=self._salt).digest(), "big")
        arm = self._challenger if found < self._below else self._champion
        return arm[found % BUCKETS]


def traffic_of(versions: Sequence[Served]) -> Traffic:
    """The traffic that the platform's listing of one model's versions asks for.

    Raises:
        InputError: the listing makes no sense.
    """
    champion = next((version for version in versions if version.is_champion), versions[0])
    challengers = [version for version in versions if version.deployment.get("role") == CHALLENGER]
    shadows = tuple(version for version in versions if version.deployment.get("role") == SHADOW)
    if len(challengers) > 1:
        raise InputError(f"model {champion.name}", "must have one challenger at most", len(challengers))
    if not challengers and not shadows:
        return ChampionAnswers(champion)
    salt = str((*challengers, *shadows)[0].deployment.get("salt", ""))
    return Split(champion, challengers[0] if challengers else None, shadows, salt)


def _share(challenger: Served) -> float:
    share: Any = challenger.deployment.get("share")
    if not isinstance(share, int | float) or isinstance(share, bool) or not 0 <= share <= 1:
        raise InputError(f"version {challenger.version} of {challenger.name}: share", "must be from 0 to 1", share)
    return float(share)
