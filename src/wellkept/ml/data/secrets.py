"""Secrets of sources: named in a contract, known to the process that reads, and never said by it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import yaml
from pydantic import AfterValidator

from wellkept.kernel.errors import InputError, NotFoundError

HIDDEN = "***"
SHORTEST = 3
"""Shorter words are too common to be struck out of texts."""


class Secrets:
    """Values by name: of the environment, then of a file. What was asked for is struck out of every text."""

    def __init__(self, file: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
        self._file = file
        self._environment = environment if environment is not None else os.environ
        self._told: set[str] = set()

    def value(self, source: str, name: str) -> str:
        """The secret of a name.

        Raises:
            NotFoundError: neither the environment nor the file has it.
            InputError: the file is not one of names and texts, or others may read it.
        """
        found = self._environment.get(name) or self._of_file().get(name)
        if not found:
            where = f"{self._file}" if self._file else "the file that ml.data.secrets names"
            rule = f"is neither a variable of the environment nor an entry of {where}; set it where training runs"
            raise NotFoundError(f"source {source}: secret", rule, name)
        self._told |= _forms(found)
        return found

    def hide(self, text: str) -> str:
        """A text without the secrets that were asked for, nor the passwords in them."""
        for secret in sorted(self._told, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text

    def _of_file(self) -> dict[str, str]:
        if self._file is None:
            return {}
        try:
            mode = self._file.stat().st_mode
            value = yaml.safe_load(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotFoundError(f"secrets {self._file}", "is not a file (ml.data.secrets)") from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            raise InputError(f"secrets {self._file}", "must be a YAML file of names and texts") from None
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InputError(f"secrets {self._file}", "must be readable for its owner alone (chmod 600)")
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise InputError(f"secrets {self._file}", "must be a YAML file of names and texts")
        return {str(name): one for name, one in value.items()}


def _is_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", name):
        rule = "must be the name of a variable of the environment or of an entry of the secrets file"
        raise ValueError(f"{rule}, got something else, which is not shown")
    return name


SecretName = Annotated[str, AfterValidator(_is_name)]
"""The name of a secret. What is written in its place by mistake may be one, so no message repeats it."""


def _forms(secret: str) -> set[str]:
    """The secret and its parts that nobody should read: the password, as written and as meant, and what names both."""
    found = {secret}
    try:
        parts = urlsplit(secret)
        password = parts.password
    except ValueError:
        parts, password = None, None
    if parts is not None and parts.netloc and "@" in parts.netloc:
        found.add(parts.netloc.rpartition("@")[0])
    if password:
        found |= {password, unquote(password)}
    return {one for one in found if len(one) >= SHORTEST}
