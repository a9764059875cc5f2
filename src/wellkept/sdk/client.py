"""A small client for the platform's REST interface."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Self

import httpx

from wellkept.kernel.errors import NotFoundError, WellkeptError
from wellkept.sdk import outcomes, watching
from wellkept.sdk.answers import error_of
from wellkept.sdk.connection import DEFAULT_DATA
from wellkept.sdk.paths import path_of

__all__ = ["DEFAULT_DATA", "Client"]

NEVER_STARTED = (
    "has never been started; run `wellkept up`, or say where one runs: by its data folder, or by WELLKEPT_URL and "
    "WELLKEPT_TOKEN"
)
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Client:
    """Speaks JSON with a server. Errors come back as the same classes that the server raised.

    >>> with Client.from_environment() as client:            # doctest: +SKIP
    ...     client.log_labels(frame)
    """

    def __init__(self, url: str, token: str, timeout_s: float = 30.0) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self.url, self.token = url.rstrip("/"), token
        # A proxy that the environment names is for the world outside, and cannot reach this machine's own loopback.
        self.is_outside = httpx.URL(self.url).host not in LOOPBACK
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout_s, trust_env=self.is_outside)

    @classmethod
    def from_environment(cls, data: Path | None = None) -> Self:
        """The server of a data folder; without one, that of WELLKEPT_URL and WELLKEPT_TOKEN, or of the default folder.

        Raises:
            NotFoundError: no server was ever started there.
        """
        url, token = os.environ.get("WELLKEPT_URL"), os.environ.get("WELLKEPT_TOKEN")
        if data is None and url and token:
            return cls(url, token)
        folder = data or DEFAULT_DATA
        try:
            url = (folder / "address").read_text(encoding="ascii").strip()
            token = (folder / "token").read_text(encoding="ascii").strip()
        except FileNotFoundError as error:
            raise NotFoundError(f"server on {folder}", NEVER_STARTED) from error
        return cls(url, token)

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON answer of a GET.

        Raises:
            WellkeptError: the server cannot be reached, or answered with an error.
        """
        chosen = {name: value for name, value in parameters.items() if value is not None}
        return self._ask("GET", path, params=chosen)

    def post(self, path: str, body: Any, timeout_s: float | None = None) -> Any:
        """The JSON answer of a POST; ``timeout_s`` for what may take longer than other requests.

        Raises:
            WellkeptError: the server cannot be reached, or answered with an error.
        """
        more = {} if timeout_s is None else {"timeout": timeout_s}
        return self._ask("POST", path, json=body, **more)

    def feedback(self, finding: str, opinion: str, by: str) -> Any:
        """What a finding was worth: ``useful``, ``noise``, or ``expected`` at its time of day. Gives what was noted.

        Raises:
            NotFoundError: there is no such finding.
        """
        path = path_of("/api/v1/findings/{}/feedback", finding)
        return self.post(path, {"opinion": opinion, "by": by})["feedback"]

    def watch_attach(
        self, contract: str, rows: Any = None, *, version: str = "", learn: int = 0, by: str = "sdk"
    ) -> dict[str, Any]:
        """Watch a model that is served elsewhere, by its contract (YAML, or the path of its ``model.yaml``).

        ``rows``: what to measure it against, a frame that speaks Arrow with a column for each input, and perhaps
        ``time``, ``score`` and ``label``. Without rows its first ``learn`` predictions are.

        Raises:
            WellkeptError: the contract or the rows break a rule.
        """
        return watching.attach(self, contract, rows, version=version, learn=learn, by=by)

    def watch_detach(self, model: str, by: str = "sdk") -> Any:
        """Watch an attached model no more; what it logged stays."""
        return self.post(path_of("/api/v1/watch/{}/detach", model), {"by": by})

    def log_predictions(
        self, rows: Any, *, model: str = "", version: str = "", interval: tuple[str, str] | None = None
    ) -> list[str]:
        """Log what a model answered: a frame that speaks Arrow, or a list of records; gives the predictions' ids.

        Columns of a frame: ``score``; perhaps ``id`` (made where it is missing), ``time`` (now where it is missing),
        ``entity_key``, ``decision``, ``latency_ms``, ``trace_id``, ``span_id``; every other column is an input.
        ``interval`` names two columns of it, between which the truth was said to be: ``("p10", "p90")``. Records say
        it by ``lower`` and ``upper``.

        Raises:
            WellkeptError: a row breaks a rule; batches before it are stored.
        """
        return outcomes.predictions(self, rows, model, version, interval)

    def log_labels(self, rows: Any, *, model: str = "") -> dict[str, int]:
        """Log what turned out to be true: ``value`` with ``prediction_id``, or with ``entity_key`` and ``at``.

        ``time``, when it became known, is now where it is missing. Gives how many were ``accepted`` and ``waiting``
        (for predictions that have not come yet).

        Raises:
            WellkeptError: a row breaks a rule; batches before it are stored.
        """
        return outcomes.labels(self, rows, model)

    def raw(self, path: str, **parameters: Any) -> bytes:
        """The bytes of a GET."""
        return self._send("GET", path, params=parameters or None).content

    def send(self, path: str, body: bytes, media: str) -> bytes:
        """The bytes of the answer to a POST of a body that is no JSON of ours.

        Raises:
            WellkeptError: the server cannot be reached, or answered with an error.
        """
        return self._send("POST", path, content=body, headers={"Content-Type": media}).content

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until the server is ready.

        Raises:
            WellkeptError: it was not within the time.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                if self._http.get("/readyz").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline:
                raise WellkeptError(f"the server at {self.url} was not ready within {timeout_s:g} s")
            time.sleep(0.05)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self._send(method, path, **arguments)
        try:
            return answer.json()
        except ValueError as error:
            raise WellkeptError(f"{method} {path}: {self.url} does not answer in JSON; is it Wellkept?") from error

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            message = f"the server at {self.url} does not answer ({type(error).__name__}); start it with `wellkept up`"
            raise WellkeptError(message) from error
        # An answer and its stream hold each other, and with them the body that was sent, until a collection.
        answer.stream = httpx.ByteStream(b"")
        if answer.is_success:
            return answer
        raise error_of(f"{method} {path}", answer.status_code, answer.headers, answer.content)
