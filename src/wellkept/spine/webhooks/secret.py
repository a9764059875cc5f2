"""Secrets of webhooks: read where the configuration says, for every message, and never told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wellkept.kernel.errors import InputError
from wellkept.kernel.webhooks import key_of
from wellkept.spine.webhooks.settings import Secret

LONGEST = 16 << 10
MOST = 8


@dataclass(frozen=True, slots=True)
class Secrets:
    """Reads secrets; ``environment`` is handed in."""

    environment: Mapping[str, str]

    def texts(self, place: Secret) -> list[str]:
        """The secrets of a place, the newest first.

        Raises:
            InputError: there is none, or it cannot be read. The message names the place, never the secret.
        """
        if place.secret_env is not None:
            found = self.environment.get(place.secret_env, "").split()
            what = f"the variable {place.secret_env}"
        else:
            assert place.secret_file is not None
            what = str(place.secret_file)
            try:
                with place.secret_file.open(encoding="utf-8") as file:
                    found = file.read(LONGEST).split()
            except (OSError, UnicodeDecodeError) as error:
                told = getattr(error, "strerror", "") or "it is not UTF-8"
                raise InputError("secret", f"{what} cannot be read: {told}") from error
        if not 1 <= len(found) <= MOST:
            raise InputError("secret", f"{what} must hold 1 to {MOST} secrets", len(found))
        return found

    def keys(self, place: Secret) -> list[bytes]:
        """The same as keys of Standard Webhooks.

        Raises:
            InputError: as for :meth:`texts`, or one is malformed.
        """
        return [key_of(text) for text in self.texts(place)]
