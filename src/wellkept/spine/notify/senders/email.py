"""Mail by SMTP (RFC 5321), plain and HTML. All messages about one thing are a thread (RFC 5322, References)."""

from __future__ import annotations

import email.message
import email.utils
import smtplib
import ssl
from collections.abc import Mapping
from typing import Any

from wellkept.kernel.errors import InputError
from wellkept.spine.notify.receivers import Email
from wellkept.spine.notify.senders.base import Sent, unreadable, within
from wellkept.spine.notify.words import Message
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.settings import Secret

PERMANENT = 500


class EmailSender:
    """Sends one mail. A mailbox shows one that comes twice as one, as its Message-ID is that of the first try."""

    def __init__(self, receiver: Email, secrets: Secrets) -> None:
        self._receiver, self._secrets = receiver, secrets

    def send(self, message: Message, reference: Mapping[str, Any]) -> Sent:
        mail = letter(message, self._receiver, str(reference.get("first", "")))
        try:
            refused = within(self._receiver.timeout_s, lambda: self._deliver(mail))
        except InputError as error:
            return Sent(is_taken=False, said=str(error))
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            said = "all recipients were refused: " + ", ".join(str(code) for code in sorted(set(codes)))
            return Sent(is_taken=False, said=said, retry_helps=any(code < PERMANENT for code in codes))
        except smtplib.SMTPResponseException as error:
            said = f"the server answered {error.smtp_code}"
            is_sign_in = isinstance(error, smtplib.SMTPAuthenticationError)
            return Sent(is_taken=False, said=said, retry_helps=error.smtp_code < PERMANENT or is_sign_in)
        except (OSError, smtplib.SMTPException) as error:
            what = getattr(error, "strerror", None) or str(error) or "no answer"
            return Sent(is_taken=False, said=f"{type(error).__name__}: {what}"[:300])
        also = f"; refused for {', '.join(sorted(refused))}" if refused else ""
        first = str(reference.get("first", "")) or mail["Message-ID"]
        return Sent(is_taken=True, said=f"the server took it{also}", reference={"first": first})

    def problem(self) -> str:
        return unreadable(self._secrets, self._place) if self._receiver.user else ""

    @property
    def _place(self) -> Secret:
        return Secret(secret_file=self._receiver.secret_file, secret_env=self._receiver.secret_env)

    def _deliver(self, mail: email.message.EmailMessage) -> Mapping[str, Any]:
        """Hand the mail over; returns the recipients that were refused while others were taken."""
        receiver, trust = self._receiver, None
        if receiver.tls != "none":
            trust = ssl.create_default_context(cafile=str(receiver.ca_file) if receiver.ca_file else None)
        password = self._secrets.texts(self._place)[0] if receiver.user else ""
        if receiver.tls == "implicit":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                receiver.host, receiver.port, timeout=receiver.timeout_s, context=trust
            )
        else:
            server = smtplib.SMTP(receiver.host, receiver.port, timeout=receiver.timeout_s)
        with server:
            if receiver.tls == "starttls":
                server.starttls(context=trust)
            if receiver.user:
                server.login(receiver.user, password)
            return server.send_message(mail)


def letter(message: Message, receiver: Email, first: str) -> email.message.EmailMessage:
    """A mail. ``first`` is the Message-ID of the first mail about this thing; empty where this is the first."""
    mail = email.message.EmailMessage()
    domain = receiver.sender.rpartition("@")[2]
    mail["From"], mail["To"] = receiver.sender, ", ".join(receiver.to)
    mail["Subject"] = " ".join(message.title.split()) if not first else f"Re: {' '.join(message.title.split())}"
    mail["Date"] = email.utils.format_datetime(message.now.at)
    mail["Message-ID"] = f"<{message.key}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    if first:
        mail["In-Reply-To"] = mail["References"] = first
    mail.set_content(message.text() + "\n")
    mail.add_alternative(message.html(), subtype="html")
    return mail
