"""Slack, imitated: its Web API as far as the client uses it, and signed interactions. Mounted at `/slack`."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

import orjson

from integrations.sandbox.imitation import Imitation, known_fields
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import BadBody, Request, Response, json_response
from integrations.sandbox.world import World

CODES = frozenset(
    {"account_inactive", "channel_not_found", "fatal_error", "internal_error", "invalid_auth", "is_archived"}
    | {"message_not_found", "missing_scope", "msg_too_long", "no_text", "not_authed", "not_in_channel", "ratelimited"}
    | {"service_unavailable", "token_expired", "token_revoked", "user_not_found", "users_not_found"}
)
MAX_TEXT = 40_000
PAGE = 2  # channels a page, so that three of them need a second one


@dataclass(slots=True)
class Workspace:
    """One workspace with its app."""

    name: str = "sandbox"
    bot_token: str = "xoxb-sandbox"  # noqa: S105 -- guards nothing
    signing_secret: str = "sandbox-signing-secret"  # noqa: S105 -- guards nothing
    webhook_url: str = ""


class SlackSandbox(Imitation):
    """The service."""

    slug = "slack"
    title = "Slack"
    routes = Routes(
        ("POST", "/chat.postMessage", "post_message"),
        ("POST", "/chat.update", "update_message"),
        ("GET", "/users.lookupByEmail", "find_user"),
        ("POST", "/users.lookupByEmail", "find_user"),
        ("POST", "/conversations.open", "open_direct_message"),
        ("GET", "/conversations.list", "list_channels"),
        ("POST", "/conversations.list", "list_channels"),
        ("POST", "/auth.test", "health"),
    )
    sends_webhooks = True
    events = ("button",)
    channels = (("C0GENERAL", "geral"), ("C0ALERTAS", "alertas"), ("C0FINANCE", "financeiro"))
    people: Mapping[str, str] = {"ana@example.com": "U0ANA", "rui@example.com": "U0RUI"}

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._workspaces: dict[str, Workspace] = {}
        self._messages: dict[tuple[str, str], dict[str, Any]] = {}
        self._conversations: dict[str, str] = {}
        self.open_account({})

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        workspace = next((each for each in self._workspaces.values() if each.bot_token == request.bearer), None)
        if workspace is None:
            return self.refusal("invalid_auth" if request.bearer else "not_authed")
        try:
            given = _fields(request)
        except BadBody:
            return self.refusal("no_text")
        match operation:
            case "health":
                return _ok(team=workspace.name, user="batuta", team_id="T0", user_id="U0BOT", url="https://slack.test/")
            case "find_user":
                found = self.people.get(given.get("email", ""))
                return _ok(user={"id": found, "team_id": "T0"}) if found else self.refusal("users_not_found")
            case "list_channels":
                return self._channels(given.get("cursor", ""))
            case "open_direct_message":
                return self._open(workspace, given.get("users", ""))
            case "update_message":
                return self._update(workspace, given, request)
        return self._post(workspace, given, request)

    def _post(self, workspace: Workspace, given: Mapping[str, str], request: Request) -> Response:
        channel, text = given.get("channel", ""), given.get("text", "")
        known = {name for name, _title in self.channels} | set(self.people.values()) | set(self._conversations.values())
        if channel not in known:
            return self.refusal("channel_not_found")
        if not text and not given.get("blocks"):
            return self.refusal("no_text")
        if len(text) > MAX_TEXT:
            return self.refusal("msg_too_long")
        ts = f"{time.time():.6f}"
        while (channel, ts) in self._messages:
            ts = f"{float(ts) + 0.000001:.6f}"
        message = {"type": "message", "ts": ts, "text": text, "user": "U0BOT", "bot_id": "B0"}
        self.world.record_write(
            self, account=workspace.name, operation="post_message", reference=channel, body=request.body, provider_id=ts
        )
        self._messages[channel, ts] = message
        return _ok(channel=channel, ts=ts, message=message)

    def _update(self, workspace: Workspace, given: Mapping[str, str], request: Request) -> Response:
        channel, ts = given.get("channel", ""), given.get("ts", "")
        if (channel, ts) not in self._messages:
            return self.refusal("message_not_found")
        self.world.record_write(
            self,
            account=workspace.name,
            operation="update_message",
            reference=channel,
            body=request.body,
            provider_id=ts,
        )
        self._messages[channel, ts]["text"] = given.get("text", "")
        return _ok(channel=channel, ts=ts, text=given.get("text", ""))

    def _open(self, workspace: Workspace, user: str) -> Response:
        if user not in self.people.values():
            return self.refusal("user_not_found")
        if user not in self._conversations:
            self._conversations[user] = f"D0{user[2:]}"
            self.world.record_write(self, account=workspace.name, operation="open_direct_message", reference=user)
        return _ok(channel={"id": self._conversations[user]})

    def _channels(self, cursor: str) -> Response:
        start = int(cursor or 0)
        rows = [{"id": key, "name": name, "is_member": key != "C0FINANCE"} for key, name in self.channels]
        following = str(start + PAGE) if start + PAGE < len(rows) else ""
        return _ok(channels=rows[start : start + PAGE], response_metadata={"next_cursor": following})

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return json_response(200, {"ok": False, "error": "unknown_method", "req_method": request.path})

    def rate_limited(self, retry_after: float) -> Response:
        """See Imitation."""
        headers = (("retry-after", str(max(1, round(retry_after)))),)
        return json_response(429, {"ok": False, "error": "ratelimited"}, headers)

    def broken(self) -> Response:
        """See Imitation."""
        return json_response(500, {"ok": False, "error": "internal_error"})

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return json_response(200, {"ok": False, "error": code})

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return CODES

    def error_in_success(self, operation: str) -> Response | None:
        """Slack's usual way to refuse."""
        return self.refusal("fatal_error")

    def expired_token(self, operation: str) -> Response | None:
        """See Imitation."""
        return self.refusal("token_expired")

    def missing_scope(self, operation: str) -> Response | None:
        """See Imitation."""
        return json_response(200, {"ok": False, "error": "missing_scope", "needed": "chat:write", "provided": ""})

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """See Imitation."""
        workspace = Workspace(**known_fields(Workspace, given))
        self._workspaces[workspace.name] = workspace
        return asdict(workspace)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(workspace) for workspace in self._workspaces.values()]

    def clear(self) -> None:
        """See Imitation."""
        self._messages.clear()
        self._conversations.clear()

    def happen(self, event: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Somebody presses a button: `action` is its id, `value` its value, `user` who."""
        workspace = self._workspaces[str(facts.get("workspace", "sandbox"))]
        payload = {
            "type": "block_actions",
            "trigger_id": self.world.new_id(8).hex(),
            "team": {"id": "T0"},
            "user": {"id": str(facts.get("user", "U0ANA"))},
            "container": {"channel_id": str(facts.get("channel", "C0ALERTAS")), "message_ts": str(facts.get("ts", ""))},
            "actions": [
                {
                    "action_id": str(facts.get("action", "acknowledge")),
                    "value": str(facts.get("value", "")),
                    "action_ts": f"{time.time():.6f}",
                }
            ],
        }
        content = urlencode({"payload": orjson.dumps(payload).decode()}).encode()

        def sign(body: bytes) -> Mapping[str, str]:
            moment = str(int(time.time()))
            signed = hmac.new(workspace.signing_secret.encode(), f"v0:{moment}:".encode() + body, hashlib.sha256)
            return {"x-slack-request-timestamp": moment, "x-slack-signature": f"v0={signed.hexdigest()}"}

        return {
            "sent": self.send_webhook(
                workspace.webhook_url, content, sign, content_type="application/x-www-form-urlencoded"
            )
        }


def _fields(request: Request) -> dict[str, str]:
    """The arguments of a method, from the query, a form or JSON. Raises BadBody."""
    given = dict(request.query)
    if not request.body:
        return given
    if request.headers.get("content-type", "").startswith("application/json"):
        content = request.json()
        if not isinstance(content, dict):
            raise BadBody("not an object")
        given |= {
            name: value if isinstance(value, str) else orjson.dumps(value).decode()
            for name, value in content.items()
            if value is not None
        }
        return given
    return given | dict(request.form())


def _ok(**content: Any) -> Response:
    return json_response(200, {"ok": True, **content})


IMITATIONS = (SlackSandbox,)
