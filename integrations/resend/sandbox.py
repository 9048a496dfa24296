"""Resend, imitated: e-mails one by one and in batches, idempotency keys, Svix-signed events, one-click unsubscribes.

Mounted at `/resend`, so the base URL of a client is `http://host:port/resend`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import uuid
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from integrations.sandbox.behaviour import FailureCode, Journey, Step
from integrations.sandbox.imitation import ControlRefused, MessagingImitation, known_fields
from integrations.sandbox.limits import Bucket
from integrations.sandbox.log import body_digest
from integrations.sandbox.mailbox import unsubscribe_webhook, wants_out
from integrations.sandbox.phones import SandboxMessage
from integrations.sandbox.postman import RetryRule, Webhook
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import BadBody, Request, Response, json_response
from integrations.sandbox.world import World

from .sandbox_contents import (
    EVENTS,
    Wire,
    accepted_answer,
    bounce_facts,
    domain_rows,
    email_resource,
    failure_of,
    now_text,
    scheduled_moment,
    test_inbox,
)
from .sandbox_errors import ERRORS, as_list, email_problem, resend_error

MAX_BATCH = 100
MAX_KEYS = 500_000
# Svix: at once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h.
RETRY = RetryRule((5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 36000.0))
_LINK = re.compile(r"""href=["'](https?://[^"']+)""")


@dataclass(slots=True)
class Team:
    """One Resend team. Without `domains` any sender domain is taken for verified."""

    name: str = "sandbox"
    api_key: str = "re_sandbox"
    webhook_url: str = ""
    signing_secret: str = "whsec_c2FuZGJveC1zaWduaW5nLXNlY3JldA=="  # noqa: S105 -- guards nothing
    domains: tuple[str, ...] = ()
    requests_per_second: int = 5


class ResendSandbox(MessagingImitation):
    """The service."""

    slug = "resend"
    title = "Resend"
    failure_codes: tuple[FailureCode, ...] = (
        FailureCode("permanent", 0.7),
        FailureCode("transient", 0.15),
        FailureCode("suppressed", 0.15),
    )
    routes = Routes(
        ("POST", "/emails", "send"),
        ("POST", "/emails/batch", "send_batch"),
        ("GET", "/emails/{id}", "fetch"),
        ("PATCH", "/emails/{id}", "reschedule"),
        ("POST", "/emails/{id}/cancel", "cancel"),
        ("GET", "/domains", "list_domains"),
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._teams: dict[str, Team] = {}
        self._buckets: dict[str, Bucket] = {}
        self._keys: OrderedDict[tuple[str, str], tuple[str, list[str]]] = OrderedDict()
        self.open_account({})

    def sender_of(self, operation: str, arguments: tuple[str, ...], request: Request) -> str:
        """The address of `from`."""
        try:
            body = request.json() if operation == "send" else {}
        except BadBody:
            return ""
        return parseaddr(str(body.get("from", "")))[1] if isinstance(body, dict) else ""

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return resend_error("not_found")

    def rate_limited(self, retry_after: float) -> Response:
        """See Imitation."""
        seconds = str(max(1, round(retry_after)))
        headers = (("retry-after", seconds), ("ratelimit-limit", "5"), ("ratelimit-remaining", "0"))
        return resend_error("rate_limit_exceeded", headers=(*headers, ("ratelimit-reset", seconds)))

    def broken(self) -> Response:
        """See Imitation."""
        return resend_error("internal_server_error")

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return ERRORS

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return resend_error(code)

    def missing_scope(self, operation: str) -> Response | None:
        """A key with "sending access" may do nothing else; keys do not expire."""
        return None if operation in ("send", "send_batch") else resend_error("restricted_api_key")

    def remember(self, account: str, idempotency_key: str, digest: str, provider_id: str) -> None:
        """An acceptance of an earlier run of the sandbox: its key still holds."""
        if idempotency_key:
            self._keys.setdefault((account, idempotency_key), (digest, []))[1].append(provider_id)

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """Register a team."""
        team = Team(**{**known_fields(Team, given), "domains": tuple(given.get("domains", ()))})
        if not team.api_key.startswith("re_") or not team.signing_secret.startswith("whsec_"):
            raise ControlRefused("api_key starts with re_, signing_secret with whsec_")
        for key in [key for key, other in self._teams.items() if other.name == team.name]:
            del self._teams[key]
        self._teams[team.api_key] = team
        self._buckets[team.name] = Bucket(team.requests_per_second, team.requests_per_second)
        return asdict(team)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(team) for team in self._teams.values()]

    def clear(self) -> None:
        """See Imitation."""
        self._keys.clear()

    # Requests

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not key:
            return resend_error("missing_api_key")
        team = self._teams.get(key)
        if team is None:
            return resend_error("invalid_api_key")
        bucket = self._buckets[team.name]
        if self.world.settings.real_limits and (wait := bucket.take()):
            return self.rate_limited(wait)
        match operation:
            case "send" | "send_batch":
                response = self._send(team, request, batch=operation == "send_batch")
            case "fetch":
                response = self._fetch(team, arguments[0])
            case "reschedule" | "cancel":
                response = self._change(team, operation, arguments[0], request)
            case _:
                response = json_response(
                    200, {"object": "list", "has_more": False, "data": domain_rows(team.domains or ("example.com",))}
                )
        limit = str(team.requests_per_second)
        left = str(bucket.remaining) if self.world.settings.real_limits else limit
        response.headers += (("ratelimit-limit", limit), ("ratelimit-remaining", left), ("ratelimit-reset", "1"))
        return response

    def _send(self, team: Team, request: Request, *, batch: bool) -> Response:
        key = request.headers.get("idempotency-key", "")
        if "idempotency-key" in request.headers and not 1 <= len(key) <= 256:
            return resend_error("invalid_idempotency_key")
        digest = body_digest(request.body)
        if key and (known := self._keys.get((team.name, key))) is not None:
            self.world.count(f"replayed.{self.slug}")
            return (
                accepted_answer(known[1], batch=batch)
                if known[0] == digest
                else resend_error("invalid_idempotent_request")
            )
        try:
            body = request.json()
        except BadBody:
            return resend_error("validation_error", "The body is not valid JSON")
        emails = body if batch else [body]
        if batch and not (isinstance(body, list) and 1 <= len(body) <= MAX_BATCH):
            return resend_error("validation_error", f"The batch must hold 1 to {MAX_BATCH} emails")
        problems = {
            index: problem for index, email in enumerate(emails) if (problem := email_problem(team.domains, email))
        }
        permissive = batch and request.headers.get("x-batch-validation", "strict") == "permissive"
        if problems and not permissive:
            name, text, status = next(iter(problems.values()))
            return resend_error(name, text, status=status)
        ids = [
            self._accept(team, email, key, request.body) for index, email in enumerate(emails) if index not in problems
        ]
        if key:
            self._keys[(team.name, key)] = (digest, ids)
            if len(self._keys) > MAX_KEYS:
                self._keys.popitem(last=False)
        errors = [{"index": index, "message": text} for index, (_, text, _) in problems.items()]
        return accepted_answer(ids, batch=batch, errors=errors if permissive else None)

    def _accept(self, team: Team, email: Mapping[str, Any], key: str, request_body: bytes) -> str:
        to = as_list(email["to"])
        address = parseaddr(to[0])[1].lower()
        tags = {str(tag["name"]): str(tag["value"]) for tag in email.get("tags") or ()}
        headers = {str(name).lower(): str(value) for name, value in (email.get("headers") or {}).items()}
        html = str(email.get("html") or "")
        email_id = str(uuid.UUID(bytes=self.world.new_id(16), version=4))
        at = scheduled_moment(email["scheduled_at"]) if email.get("scheduled_at") else None
        message = self.world.accept(
            self,
            account=team.name,
            sender=parseaddr(str(email["from"]))[1],
            to=address,
            provider_id=email_id,
            request_body=request_body,
            text=str(email.get("text") or "") or html,
            subject=str(email["subject"]),
            reference=tags.get("reference", ""),
            idempotency_key=key,
            wire=Wire(
                str(email["from"]),
                to,
                html,
                tags,
                headers,
                now_text(),
                str(email.get("scheduled_at") or ""),
                at is not None,
            ),
            journey=Journey(()) if at is not None else self._journey(address),
        )
        if at is not None:
            self._hold(message, at)
        return email_id

    def _fetch(self, team: Team, email_id: str) -> Response:
        message = self.world.phones.message(email_id)
        if message is None or message.account != team.name or message.service != self.slug:
            return resend_error("not_found", "Email not found")
        return json_response(200, email_resource(message))

    def _change(self, team: Team, operation: str, email_id: str, request: Request) -> Response:
        """Move or cancel an e-mail that is held until its time."""
        message = self.world.phones.message(email_id)
        if message is None or message.account != team.name or message.service != self.slug:
            return resend_error("not_found", "Email not found")
        wire: Wire = message.wire
        if not wire.is_held:
            return resend_error("validation_error", "The email is not scheduled any more")
        if operation == "reschedule":
            try:
                body = request.json()
            except BadBody:
                body = None
            at = scheduled_moment(body.get("scheduled_at")) if isinstance(body, dict) else None
            if at is None:
                return resend_error("validation_error", "Invalid `scheduled_at` field.")
            wire.scheduled_at = str(body["scheduled_at"])
            self._hold(message, at)
        else:
            wire.is_held, wire.is_cancelled = False, True
        self.world.record_write(
            self,
            account=team.name,
            operation=operation,
            reference=email_id,
            body=request.body,
            provider_id=email_id,
        )
        return json_response(200, {"object": "email", "id": email_id})

    def _hold(self, message: SandboxMessage, at: datetime) -> None:
        wait = max(0.0, at.timestamp() - self.world.clock.now())
        self.world.clock.after(wait, self._release, message, message.wire.scheduled_at)

    def _release(self, message: SandboxMessage, scheduled_at: str) -> None:
        """Send an e-mail whose time has come, unless it was moved or cancelled."""
        wire: Wire = message.wire
        if wire.is_held and wire.scheduled_at == scheduled_at:
            wire.is_held = False
            self.world.travel(self, message, self._journey(message.to))

    def _journey(self, address: str) -> Journey:
        return self.world.behaviour.journey(self.slug, address, self.failure_codes, preset=test_inbox(address))

    # Webhooks

    def report(self, message: SandboxMessage, step: Step) -> None:
        """Send the Svix-signed event of one step."""
        team = self._team(message.account)
        if team is None:
            return
        wire: Wire = message.wire
        event = failure_of(message.code)[0] if step is Step.FAILED else EVENTS.get(step, "")
        if not event:
            return
        facts: dict[str, Any] = {
            "created_at": wire.created_at,
            "email_id": message.provider_id,
            "from": wire.sender,
            "to": wire.to,
            "subject": message.subject,
        }
        if wire.tags:
            facts["tags"] = wire.tags
        if wire.headers:
            facts["headers"] = [{"name": name, "value": value} for name, value in wire.headers.items()]
        if step is Step.FAILED:
            facts |= bounce_facts(message.code)
        elif event == "email.clicked":
            link = _LINK.search(wire.html)
            agent = "Mozilla/5.0 (sandbox)"
            url = link[1] if link else "https://example.com/"
            facts["click"] = {"ipAddress": "192.0.2.1", "link": url, "timestamp": now_text(), "userAgent": agent}
        self._post(team, message.sender, event, facts)

    def react(self, message: SandboxMessage, words: str) -> None:
        """The person leaves the list by one click if they want to and the e-mail offers it, else writes back."""
        wire: Wire = message.wire
        url = wants_out(words, wire.headers)
        if url:
            self.world.phones.note(message.to, self.world.clock.now(), self.slug, message.account, "unsubscribed")
            self.world.count(f"unsubscribed.{self.slug}")
            self.world.postman.post(unsubscribe_webhook(self.slug, message.sender, url))
        else:
            self.write(message.account, message.to, words, message)

    def write(self, account: str, address: str, text: str, about: SandboxMessage | None = None) -> str:
        """See Imitation."""
        team = self._team(account)
        if team is None:
            raise ControlRefused(f"there is no team {account}")
        email_id = str(uuid.UUID(bytes=self.world.new_id(16), version=4))
        self.world.wrote(self, account, address.lower(), text)
        own = about.sender if about else f"contato@{next(iter(team.domains), 'example.com')}"
        facts: dict[str, Any] = {
            "email_id": email_id,
            "created_at": now_text(),
            "from": address,
            "to": [own],
            "cc": [],
            "bcc": [],
            "message_id": f"<{email_id}@mail.example>",
            "subject": f"Re: {about.subject}" if about else text[:60],
            "attachments": [],
        }
        self._post(team, own, "email.received", facts)
        return email_id

    def _team(self, name: str) -> Team | None:
        return next((team for team in self._teams.values() if team.name == name), None)

    def _post(self, team: Team, sender: str, event: str, facts: dict[str, Any]) -> None:
        if not team.webhook_url:
            return
        event_id = f"msg_{self.world.new_id(14).hex()}"
        body = json_response(200, {"type": event, "created_at": now_text(), "data": facts}).body

        def sign(content: bytes) -> Mapping[str, str]:
            timestamp = str(int(self.world.clock.now()))
            secret = base64.b64decode(team.signing_secret.removeprefix("whsec_"))
            signed = f"{event_id}.{timestamp}.".encode() + content
            mark = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
            return {"svix-id": event_id, "svix-timestamp": timestamp, "svix-signature": f"v1,{mark}"}

        webhook = Webhook(self.slug, sender, team.webhook_url, body, "application/json", sign, RETRY)
        self.world.postman.post(webhook)


IMITATIONS = (ResendSandbox,)
