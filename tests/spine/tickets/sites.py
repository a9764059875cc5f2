"""The four systems, played: what they keep, and how their answers show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import unquote

from tests.spine.tickets.contract import Asked, Site


class GitHubSite(Site):
    contract_name = "github"
    kind: ClassVar = {"kind": "github", "project": "shop/web", "secret_env": "TOKEN"}

    def answer(self, asked: Asked) -> tuple[Any, dict[str, str]]:
        if asked.operation == "project":
            return asked.example, {}
        if asked.operation == "list":
            number = int(asked.query["page"])
            found = [self._issue(one) for one in reversed(self.tickets.values())]
            page = found[(number - 1) * 2 : number * 2]
            more = {"Link": f'<{self.address}/next>; rel="next"'} if len(found) > number * 2 else {}
            return page, more
        if asked.operation == "create":
            key = str(len(self.tickets) + 1)
            self.tickets[key] = {**asked.example, **_plain(asked.body), "number": int(key), "said": [], "people": []}
            self.tickets[key]["created_at"] = self.now
            self.tickets[key]["html_url"] = f"https://github.com/shop/web/issues/{key}"
            return self._issue(self.tickets[key]), {}
        ticket = self.tickets[asked.parts["id"]]
        if asked.operation == "comments":
            return [{**asked.example[0], "body": text} for text in ticket["said"]], {}
        if asked.operation == "comment":
            ticket["said"].append(asked.body["body"])
            return {**asked.example, "body": asked.body["body"]}, {}
        if asked.operation == "label":
            ticket["labels"] = list(dict.fromkeys([*ticket["labels"], *asked.body["labels"]]))
            return [{"name": one} for one in ticket["labels"]], {}
        if asked.operation == "unlabel":
            ticket["labels"].remove(unquote(asked.parts["label"]))
            return [{"name": one} for one in ticket["labels"]], {}
        if asked.operation == "change":
            ticket.update(asked.body)
        return self._issue(ticket), {}

    def close(self, key: str) -> None:
        self.tickets[key]["state"] = "closed"

    def is_open(self, key: str) -> bool:
        return bool(self.tickets[key]["state"] == "open")

    def level(self, key: str) -> str:
        (found,) = [one for one in self.tickets[key]["labels"] if one.startswith("severity")]
        return str(found)

    def assign(self, key: str, who: str) -> None:
        self.tickets[key]["people"] = [who]

    def said(self, key: str) -> list[str]:
        return list(self.tickets[key]["said"])

    def _issue(self, ticket: dict[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in ticket.items() if name not in ("said", "people")}
        people = [{"login": one, "id": 1, "type": "User"} for one in ticket["people"]]
        return {**shown, "labels": [{"name": one} for one in ticket["labels"]], "assignees": people}


class GitLabSite(Site):
    contract_name = "gitlab"
    kind: ClassVar = {"kind": "gitlab", "project": "shop/web", "secret_env": "TOKEN"}

    def answer(self, asked: Asked) -> tuple[Any, dict[str, str]]:
        if asked.operation in ("project", "link"):
            return asked.example, {}
        if asked.operation == "list":
            number = int(asked.query["page"])
            found = [self._issue(one) for one in reversed(self.tickets.values())]
            following = str(number + 1) if len(found) > number * 2 else ""
            return found[(number - 1) * 2 : number * 2], {"X-Next-Page": following}
        if asked.operation == "create":
            key = str(len(self.tickets) + 1)
            labels = asked.body.get("labels", "").split(",")
            made = {**asked.example, **_plain(asked.body), "labels": labels, "iid": int(key), "said": [], "people": []}
            made["created_at"] = self.now
            self.tickets[key] = made
            return self._issue(made), {}
        ticket = self.tickets[asked.parts["id"]]
        if asked.operation == "comments":
            return [{**asked.example[0], "body": text} for text in reversed(ticket["said"])], {"X-Next-Page": ""}
        if asked.operation == "comment":
            ticket["said"].append(asked.body["body"])
            return {**asked.example, "body": asked.body["body"]}, {}
        if asked.operation == "change":
            self._change(ticket, asked.body)
        return self._issue(ticket), {}

    def close(self, key: str) -> None:
        self.tickets[key]["state"] = "closed"

    def is_open(self, key: str) -> bool:
        return bool(self.tickets[key]["state"] == "opened")

    level, assign, said = GitHubSite.level, GitHubSite.assign, GitHubSite.said

    def _change(self, ticket: dict[str, Any], body: dict[str, Any]) -> None:
        if "state_event" in body:
            ticket["state"] = {"close": "closed", "reopen": "opened"}[body["state_event"]]
        gone = body.get("remove_labels", "").split(",")
        added = [one for one in body.get("add_labels", "").split(",") if one]
        ticket["labels"] = [one for one in ticket["labels"] if one not in gone] + added

    def _issue(self, ticket: dict[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in ticket.items() if name not in ("said", "people", "assignee_ids")}
        people = [{"id": 1, "username": one, "name": one, "state": "active"} for one in ticket["people"]]
        return {**shown, "assignees": people}


class JiraSite(Site):
    contract_name = "jira_cloud"
    kind: ClassVar = {"kind": "jira", "project": "PAY", "user": "bot@shop.example", "secret_env": "TOKEN"}
    steps: tuple[tuple[str, str, str, str], ...] = (
        ("11", "Start work", "In Progress", "indeterminate"),
        ("31", "Done", "Done", "done"),
    )
    leads: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Status to the numbers of the transitions that it has, where not every status has all."""

    def answer(self, asked: Asked) -> tuple[Any, dict[str, str]]:
        if asked.operation in ("project", "myself", "link"):
            return asked.example, {}
        if asked.operation == "search":
            mark = asked.body["jql"].rpartition('"wellkept-')[2].rstrip('"')
            found = [self._issue(one) for one in self.tickets.values() if f"wellkept-{mark}" in one["labels"]]
            return {**asked.example, "issues": found[: asked.body["maxResults"]]}, {}
        if asked.operation == "create":
            key = f"PAY-{len(self.tickets) + 1}"
            fields = asked.body["fields"]
            self.tickets[key] = {"key": key, "status": ("To Do", "new"), "said": [], "people": [], **_plain(fields)}
            return {**asked.example, "key": key}, {}
        ticket = self.tickets[asked.parts["id"]]
        if asked.operation == "edit":
            ticket.update(asked.body["fields"])
            return None, {}
        if asked.operation == "comments":
            shown = [{**asked.example["comments"][0], "body": one} for one in reversed(ticket["said"])]
            return {**asked.example, "comments": shown}, {}
        if asked.operation == "comment":
            ticket["said"].append(asked.body["body"])
            return {**asked.example, "body": asked.body["body"]}, {}
        if asked.operation == "transitions":
            return {**asked.example, "transitions": [self._step(*one) for one in self._offered(ticket)]}, {}
        if asked.operation == "transition":
            chosen = next(one for one in self._offered(ticket) if one[0] == asked.body["transition"]["id"])
            assert ("fields" in asked.body) == (chosen[3] == "done"), "the resolution is asked for at the end alone"
            ticket["status"] = chosen[2:]
            return None, {}
        return self._issue(ticket), {}

    def _offered(self, ticket: dict[str, Any]) -> list[tuple[str, str, str, str]]:
        led = self.leads.get(ticket["status"][0])
        return [one for one in self.steps if led is None or one[0] in led]

    def close(self, key: str) -> None:
        self.tickets[key]["status"] = ("Done", "done")

    def is_open(self, key: str) -> bool:
        return bool(self.tickets[key]["status"][1] != "done")

    def level(self, key: str) -> str:
        return str(self.tickets[key]["priority"]["name"])

    def assign(self, key: str, who: str) -> None:
        self.tickets[key]["people"] = [who]

    def said(self, key: str) -> list[str]:
        return [str(one) for one in self.tickets[key]["said"]]

    def _step(self, number: str, name: str, to: str, category: str) -> dict[str, Any]:
        allowed = [{"name": "Done"}, {"name": "Duplicate"}]
        fields = {"resolution": {"required": True, "allowedValues": allowed}} if category == "done" else {}
        return {"id": number, "name": name, "to": {"name": to, "statusCategory": {"key": category}}, "fields": fields}

    def _issue(self, ticket: dict[str, Any]) -> dict[str, Any]:
        name, category = ticket["status"]
        person = {"displayName": ticket["people"][0]} if ticket["people"] else None
        status = {"name": name, "statusCategory": {"key": category}}
        fields = {"status": status, "assignee": person, "labels": ticket["labels"]}
        return {"id": "10068", "key": ticket["key"], "self": "https://x.example", "fields": fields}


class LongJiraSite(JiraSite):
    """A workflow in which nothing is done without a review, and from which there is a way back."""

    steps = (
        ("11", "Start work", "In Progress", "indeterminate"),
        ("21", "Ask for review", "In Review", "indeterminate"),
        ("31", "Approve", "Done", "done"),
    )
    leads: ClassVar = {"To Do": ["11"], "In Progress": ["21"], "In Review": ["11", "31"], "Done": []}


class JiraServerSite(JiraSite):
    contract_name = "jira_server"
    kind: ClassVar = {"kind": "jira", "flavour": "server", "project": "PAY", "secret_env": "TOKEN"}


class ServiceNowSite(Site):
    contract_name = "servicenow"
    kind: ClassVar = {"kind": "servicenow", "user": "bot", "secret_env": "TOKEN"}
    words: ClassVar = {"1": "New", "2": "In Progress", "6": "Resolved", "7": "Closed"}

    def answer(self, asked: Asked) -> tuple[Any, dict[str, str]]:
        if asked.operation == "probe":
            return asked.example, {}
        if asked.operation == "list":
            mark = asked.query["sysparm_query"].partition("=")[2]
            found = [one for one in self.tickets.values() if one["correlation_id"] == mark]
            return {"result": [self._record(one) for one in found]}, {}
        if asked.operation == "create":
            key = f"{len(self.tickets) + 1:032x}"
            number = f"INC{len(self.tickets) + 1:07d}"
            self.tickets[key] = {"sys_id": key, "number": number, "state": "1", "said": [], "people": [], **asked.body}
            return {"result": self._record(self.tickets[key])}, {}
        ticket = self.tickets[asked.parts["id"]]
        if asked.operation == "journal":
            return {"result": {"work_notes": "\n\n".join(ticket["said"])}}, {}
        if asked.operation == "change":
            body = dict(asked.body)
            if body.get("state") == "6":
                assert body.get("close_code"), "a data policy asks for both"
                assert body.get("close_notes"), "a data policy asks for both"
            ticket["said"] += [body.pop("work_notes")] if "work_notes" in body else []
            ticket.update(body)
        return {"result": self._record(ticket)}, {}

    def close(self, key: str) -> None:
        self.tickets[key]["state"] = "6"

    def is_open(self, key: str) -> bool:
        return self.tickets[key]["state"] in ("1", "2", "3")

    def level(self, key: str) -> str:
        assert self.tickets[key]["impact"] == self.tickets[key]["urgency"]
        return str(self.tickets[key]["urgency"])

    def assign(self, key: str, who: str) -> None:
        self.tickets[key]["people"] = [who]

    def said(self, key: str) -> list[str]:
        return [*self.tickets[key]["said"], self.tickets[key].get("close_notes", "")]

    def _record(self, ticket: dict[str, Any]) -> dict[str, Any]:
        shown = {name: {"value": ticket[name], "display_value": ticket[name]} for name in ("sys_id", "number")}
        shown["state"] = {"value": ticket["state"], "display_value": self.words[ticket["state"]]}
        person = (ticket["people"] or [""])[0]
        shown["assigned_to"] = {"value": person and "62826bf03710200044e0bfc8bcbe5df1", "display_value": person}
        shown["correlation_id"] = {"value": ticket["correlation_id"], "display_value": ticket["correlation_id"]}
        return shown


SITES: dict[str, type[Any]] = {
    "github": GitHubSite,
    "gitlab": GitLabSite,
    "jira_cloud": JiraSite,
    "jira_server": JiraServerSite,
    "servicenow": ServiceNowSite,
}


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    return dict(body)
