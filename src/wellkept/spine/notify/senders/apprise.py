"""Any service that apprise knows, by its URL (https://github.com/caronc/apprise/wiki)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.kernel.finding import Severity
from wellkept.spine.notify.receivers import Apprise
from wellkept.spine.notify.senders.base import Sent, within
from wellkept.spine.notify.words import Message
from wellkept.spine.webhooks.address import Network, Resolve, checked, resolved
from wellkept.spine.webhooks.secret import Secrets

if TYPE_CHECKING:
    from apprise import NotifyBase

LOUDNESS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.ERROR: "failure", Severity.CRITICAL: "failure"}
LOCAL = ("dbus", "gnome", "kde", "glib", "macosx", "windows", "syslog", "qt")
"""Services of the desktop that the server runs on: nobody reads there."""


class AppriseSender:
    """Sends in a thread of its own, for no library can be trusted to end in time.

    Redirects are not followed. A host that the URL names must be public, or within ``networks``. It is looked up here
    and again by the library, so this rule is weaker than that of webhooks.
    """

    def __init__(
        self, receiver: Apprise, secrets: Secrets, networks: Sequence[Network], resolve: Resolve = resolved
    ) -> None:
        self._receiver, self._secrets, self._networks, self._resolve = receiver, secrets, networks, resolve

    def send(self, message: Message, reference: Mapping[str, Any]) -> Sent:  # noqa: ARG002 - nothing can be updated
        try:
            service = self._service()
            self._check_host(service)
        except WellkeptError as error:
            return Sent(is_taken=False, said=_said(error))
        loud = "success" if message.now.is_over else LOUDNESS[message.now.severity]
        name = service.service_name
        try:
            is_taken = within(
                self._receiver.timeout_s,
                lambda: bool(service.notify(body=message.text(), title=message.title, notify_type=loud)),
            )
        except TimeoutError as error:
            return Sent(is_taken=False, said=str(error))
        except Exception as error:  # noqa: BLE001 - logging what the library raises could tell the URL, which is secret
            return Sent(is_taken=False, said=f"{name} did not take it ({type(error).__name__})")
        return Sent(is_taken=is_taken, said=f"{name} took it" if is_taken else f"{name} did not take it")

    def problem(self) -> str:
        try:
            self._service()
        except WellkeptError as error:
            return _said(error)
        return ""

    def _service(self) -> NotifyBase:
        """The service of the URL.

        Raises:
            InputError: the secret cannot be read, or is no URL of apprise.
        """
        import apprise

        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines may quote the URL
        text = self._secrets.texts(self._receiver)[0]
        if text.partition(":")[0].lower() in LOCAL:
            raise InputError("secret", "must be the apprise URL of a service that people read", text.partition(":")[0])
        asset = apprise.AppriseAsset(async_mode=False, app_id="Wellkept", app_desc="Wellkept", app_url="")
        service = apprise.Apprise.instantiate(text, asset=asset)
        if service is None:
            raise InputError("secret", "must be a URL of apprise; which part is wrong is not told, as it is secret")
        service.redirects = False
        service.socket_connect_timeout = service.socket_read_timeout = self._receiver.timeout_s / 2
        return service

    def _check_host(self, service: NotifyBase) -> None:
        """Look where the message would go, where that is a host of the URL; else the service is a known one.

        Raises:
            ForbiddenError: it must not be reached.
            WellkeptError: it has no address.
        """
        templates: Sequence[object] = getattr(service, "templates", ()) or ()
        if not any("{host}" in str(template) for template in templates):
            return
        host = str(getattr(service, "smtp_host", "") or service.host or "")
        port = int(service.port or (443 if service.secure else 80))
        checked(host, port, self._networks, plain=not service.secure, resolve=self._resolve)


def _said(error: WellkeptError) -> str:
    """What is wrong, with the setting's name as it is here."""
    return str(error).replace("webhooks.networks", "notify.networks")
