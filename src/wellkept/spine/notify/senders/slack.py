"""Slack: one message a thing, posted once and then updated, with few buttons.

Source: https://api.slack.com/methods/chat.postMessage, chat.update, and https://api.slack.com/block-kit. What must be
noticed although the message is there already (a reminder, an escalation, something worse or more) is a reply in its
thread.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wellkept.kernel.errors import InputError
from wellkept.spine.notify.receivers import Slack
from wellkept.spine.notify.senders.base import AGENT, Request, Sent, of_reply, unreadable
from wellkept.spine.notify.snapshot import Phase
from wellkept.spine.notify.words import Message
from wellkept.spine.webhooks.secret import Secrets

LONGEST_HEADER, LONGEST_SECTION = 150, 2900
PASSING = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout",
     "team_added_to_org"}
)  # fmt: skip
"""Errors that pass; every other one needs a person."""
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
LOUD = {"worse": "This got worse", "opened again": "Open again"}
ACKNOWLEDGE, RESOLVE, SILENCE = "wellkept_acknowledge", "wellkept_resolve", "wellkept_silence"


class SlackSender:
    """Posts and updates. Slack has no key against doubles: a crash right after a post may post twice."""

    def __init__(self, receiver: Slack, secrets: Secrets, transport: Request) -> None:
        self._receiver, self._secrets, self._transport = receiver, secrets, transport

    def send(self, message: Message, reference: Mapping[str, Any]) -> Sent:
        place = {"channel": self._receiver.channel}
        if reference.get("ts"):
            known = {"channel": str(reference["channel"]), "ts": str(reference["ts"])}
            sent = self._call("chat.update", {**known, **self._content(message)}, known)
            if sent.said not in GONE:
                return self._replied(message, known, sent) if sent.is_taken else sent
        return self._call("chat.postMessage", {**place, **self._content(message)}, {})

    def problem(self) -> str:
        places = [self._receiver, *([self._receiver.signing] if self._receiver.has_buttons else [])]
        return unreadable(self._secrets, *places)

    def _replied(self, message: Message, known: Mapping[str, str], sent: Sent) -> Sent:
        """What an edit would not let anybody notice, said in the thread as well."""
        changed = LOUD.get(message.what, f"{message.joined} more" if message.joined else "")
        if not message.word and not changed:
            return sent
        lines = [message.word or f"{changed}: {message.title}", *(f"- {line}" for line in message.named)]
        text = "\n".join(lines)[:LONGEST_SECTION]
        reply = {"channel": known["channel"], "thread_ts": known["ts"], "reply_broadcast": True, "text": _escaped(text)}
        done = self._call("chat.postMessage", reply, known)
        return Sent(done.is_taken, done.said, done.retry_helps, done.retry_after_s, known)

    def _content(self, message: Message) -> dict[str, Any]:
        return {
            "text": _escaped(message.title),
            "blocks": blocks(message, with_buttons=self._receiver.has_buttons),
            "metadata": {"event_type": "wellkept", "event_payload": {"key": message.key, "about": message.now.subject}},
            "unfurl_links": False,
        }

    def _call(self, method: str, body: Mapping[str, Any], reference: Mapping[str, Any]) -> Sent:
        receiver = self._receiver
        try:
            token = self._secrets.texts(receiver)[0]
        except InputError as error:
            return Sent(is_taken=False, said=str(error))
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": AGENT,
        }
        url = f"{receiver.api_url.rstrip('/')}/{method}"
        text = json.dumps(body, separators=(",", ":")).encode()
        reply = self._transport.request("POST", url, text, headers, receiver.timeout_s, receiver.ca_file)
        if not 200 <= reply.status < 300:
            return of_reply(reply, reference)
        try:
            answer = json.loads(reply.body)
        except ValueError:
            return Sent(is_taken=False, said="the answer is not JSON")
        if not isinstance(answer, dict) or answer.get("ok") is not True:
            what = str(answer.get("error", "no error named"))[:80] if isinstance(answer, dict) else "no object"
            return Sent(is_taken=False, said=what, retry_helps=what in PASSING, retry_after_s=reply.retry_after_s)
        place = {"channel": answer.get("channel") or receiver.channel, "ts": answer.get("ts", "")}
        return Sent(is_taken=True, said=f"{method} was taken", reference=reference or place)


def blocks(message: Message, *, with_buttons: bool) -> list[dict[str, Any]]:
    """The message in Slack's blocks: a header, the text, and at most three buttons and a link."""
    now = message.now
    header = {"type": "plain_text", "text": message.title[:LONGEST_HEADER], "emoji": False}
    found: list[dict[str, Any]] = [{"type": "header", "text": header}]
    text = _escaped("\n".join(message.lines()))[:LONGEST_SECTION]
    if text:
        found.append({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    elements: list[dict[str, Any]] = []
    if with_buttons and now.event == "incident" and now.subject.startswith("incident:") and not now.is_over:
        about = now.subject.partition(":")[2]
        if now.phase is Phase.OPEN and not now.held:
            elements.append({**_button("Acknowledge", ACKNOWLEDGE, about), "style": "primary"})
        elements.append(_button("Resolve", RESOLVE, about))
        elements += [] if now.held else [_button("Silence 1 h", SILENCE, about)]
    if message.link:
        elements.append({**_button("Open", "wellkept_open", now.subject), "url": message.link})
    return [*found, {"type": "actions", "elements": elements}] if elements else found


def _button(words: str, action: str, value: str) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": words}, "action_id": action, "value": value}


def _escaped(text: str) -> str:
    """Text as Slack wants it: the three characters that it would read as control."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
