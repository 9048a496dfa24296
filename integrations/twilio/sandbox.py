"""Twilio's Messages API for SMS and WhatsApp, imitated, with signed status callbacks.

Mounted at `/twilio`, so `client.api.base_url = "http://host:port/twilio"`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlencode

from integrations.sandbox.behaviour import FailureCode, Step
from integrations.sandbox.imitation import ControlRefused, MessagingImitation, known_fields
from integrations.sandbox.phones import SandboxMessage
from integrations.sandbox.postman import RetryRule, Webhook
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import BadBody, Request, Response, json_response
from integrations.sandbox.world import World

from .sandbox_contents import (
    SMS_STATUS,
    WHATSAPP_STATUS,
    Wire,
    message_resource,
    segments_of,
    shown_address,
    shown_sender,
    template_page,
)
from .sandbox_errors import ERRORS, twilio_error

MAX_LISTED = 20_000
# Twilio tries a status callback once more when no connection could be made, and takes any answer for an answer.
RETRY = RetryRule((1.0,), only_without_answer=True)
STOP_WORDS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
START_WORDS = frozenset({"start", "unstop", "yes"})
SMS_FAILURES = (FailureCode("30003", 0.5), FailureCode("30005", 0.3), FailureCode("30006", 0.2))
WHATSAPP_FAILURES = (FailureCode("63024", 0.6), FailureCode("63032", 0.2), FailureCode("63016", 0.2))


@dataclass(slots=True)
class Account:
    """One Twilio account. Without `numbers` any sender may be used."""

    account_sid: str
    auth_token: str = "sandbox-auth-token"  # noqa: S105 -- guards nothing
    api_key_sid: str = ""
    api_key_secret: str = ""
    inbound_url: str = ""
    numbers: tuple[str, ...] = ()
    status: str = "active"


@dataclass(slots=True)
class _Book:
    """What one account has sent, and who has replied STOP to whom."""

    messages: deque[SandboxMessage] = field(default_factory=lambda: deque(maxlen=MAX_LISTED))
    stopped: set[tuple[str, str]] = field(default_factory=set)
    last_sender: dict[str, str] = field(default_factory=dict)


class TwilioSandbox(MessagingImitation):
    """The service."""

    slug = "twilio"
    title = "Twilio"
    failure_codes: tuple[FailureCode, ...] = SMS_FAILURES
    routes = Routes(
        ("POST", "/2010-04-01/Accounts/{account_sid}/Messages.json", "send"),
        ("GET", "/2010-04-01/Accounts/{account_sid}/Messages.json", "list_messages"),
        ("GET", "/2010-04-01/Accounts/{account_sid}/Messages/{sid}.json", "fetch_message"),
        ("GET", "/2010-04-01/Accounts/{account_sid}.json", "fetch_account"),
        ("GET", "/v1/ContentAndApprovals", "list_templates"),
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._accounts: dict[str, Account] = {}
        self._books: dict[str, _Book] = {}
        self.open_account({"account_sid": f"AC{1:032x}"})

    def sender_of(self, operation: str, arguments: tuple[str, ...], request: Request) -> str:
        """The From address, else the messaging service, else the account."""
        if operation != "send":
            return arguments[0] if arguments else ""
        try:
            form = dict(request.form())
        except BadBody:
            return arguments[0]
        return form.get("From") or form.get("MessagingServiceSid") or arguments[0]

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return twilio_error("20404", f"The requested resource {request.path} was not found")

    def rate_limited(self, retry_after: float) -> Response:
        """See Imitation."""
        return twilio_error("20429", headers=(("retry-after", str(max(1, round(retry_after)))),))

    def broken(self) -> Response:
        """See Imitation."""
        return twilio_error("20500")

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return ERRORS

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return twilio_error(code)

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """Register an account."""
        if not re.fullmatch(r"AC[0-9a-f]{32}", str(given.get("account_sid", ""))):
            raise ControlRefused("account_sid must be AC and 32 hexadecimal digits")
        account = Account(**{**known_fields(Account, given), "numbers": tuple(given.get("numbers", ()))})
        self._accounts[account.account_sid] = account
        self._books.setdefault(account.account_sid, _Book())
        return asdict(account)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(account) for account in self._accounts.values()]

    def clear(self) -> None:
        """See Imitation."""
        self._books = {account_sid: _Book() for account_sid in self._accounts}

    # Requests

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        user, password = _basic(request.headers.get("authorization", ""))
        account = self._accounts.get(arguments[0]) if arguments else self._account_of(user)
        known = {} if account is None else {account.account_sid: account.auth_token}
        if account is not None and account.api_key_sid:
            known[account.api_key_sid] = account.api_key_secret
        if account is None or not hmac.compare_digest(known.get(user, "\0").encode(), password.encode()):
            return twilio_error("20003")
        if account.status != "active":
            return twilio_error("20005")
        book = self._books[account.account_sid]
        match operation:
            case "send":
                return self._send(account, book, request)
            case "list_templates":
                return template_page(request)
            case "list_messages":
                return self._list(account, book, request)
            case "fetch_message":
                message = self.world.phones.message(arguments[1])
                if message is None or message.account != account.account_sid:
                    return twilio_error("20404", f"The requested resource {request.path} was not found")
                return json_response(200, message_resource(message))
            case _:
                content = {"sid": account.account_sid, "friendly_name": "Batuta Sandbox", "status": account.status}
                return json_response(200, {**content, "type": "Full", "auth_token": None, "uri": request.path})

    def _account_of(self, user: str) -> Account | None:
        """Whose credentials these are, where the path names no account."""
        return next((each for each in self._accounts.values() if user in (each.account_sid, each.api_key_sid)), None)

    def _send(self, account: Account, book: _Book, request: Request) -> Response:
        try:
            form = dict(request.form())
        except BadBody:
            return twilio_error("21602")
        to, sender, service_sid = form.get("To", ""), form.get("From", ""), form.get("MessagingServiceSid", "")
        body, content_sid = form.get("Body", ""), form.get("ContentSid", "")
        whatsapp = to.startswith("whatsapp:")
        person = to.removeprefix("whatsapp:")
        problem = self._problem(account, form)
        if problem is not None:
            return problem
        if not whatsapp and (sender or service_sid, person) in book.stopped:
            return twilio_error("21610")
        segments = segments_of(body)
        sid = ("MM" if form.get("MediaUrl") else "SM") + self.world.new_id(16).hex()
        text = body or f"[template {content_sid}] {form.get('ContentVariables', '')}"
        journey = self.world.behaviour.journey(
            "twilio.whatsapp" if whatsapp else self.slug, person, WHATSAPP_FAILURES if whatsapp else SMS_FAILURES
        )
        message = self.world.accept(
            self,
            account=account.account_sid,
            sender=sender or service_sid,
            to=person,
            provider_id=sid,
            request_body=request.body,
            text=text,
            reference=_reference(form.get("StatusCallback", "")),
            wire=Wire(form.get("StatusCallback", ""), service_sid, segments, whatsapp),
            journey=journey,
        )
        book.messages.append(message)
        book.last_sender[person] = message.sender
        resource = message_resource(message)
        if service_sid:
            resource |= {"status": "accepted", "num_segments": "0", "from": None}
        return json_response(201, resource)

    def _problem(self, account: Account, form: Mapping[str, str]) -> Response | None:
        to, sender = form.get("To", ""), form.get("From", "")
        if not to:
            return twilio_error("21604")
        if not re.fullmatch(r"(whatsapp:)?\+[1-9]\d{6,14}", to):
            return twilio_error("21211", f"Invalid 'To' Phone Number: {to}")
        if not sender and not form.get("MessagingServiceSid"):
            return twilio_error("21603")
        if sender and to.startswith("whatsapp:") != sender.startswith("whatsapp:"):
            return twilio_error("63007" if sender.startswith("whatsapp:") else "21910")
        if account.numbers and sender and sender.removeprefix("whatsapp:") not in account.numbers:
            return twilio_error("21606", f"The 'From' phone number {sender} is not a valid message-capable number")
        if not form.get("Body") and not form.get("MediaUrl") and not form.get("ContentSid"):
            return twilio_error("21602")
        if len(form.get("Body", "")) > 1600:
            return twilio_error("21617")
        return None

    def _list(self, account: Account, book: _Book, request: Request) -> Response:
        query = request.query
        size = min(1000, max(1, int(query["PageSize"]))) if query.get("PageSize", "").isdigit() else 50
        page = int(query["Page"]) if query.get("Page", "").isdigit() else 0
        wanted_to, wanted_from = query.get("To", ""), query.get("From", "")
        found = [
            message_resource(message)
            for message in reversed(book.messages)
            if (not wanted_to or shown_address(message, message.to) == wanted_to)
            and (not wanted_from or message.sender == wanted_from)
        ]
        uri = f"/2010-04-01/Accounts/{account.account_sid}/Messages.json"
        filters = {name: value for name, value in query.items() if name in ("To", "From", "DateSent")}

        def page_uri(number: int) -> str:
            return f"{uri}?{urlencode({**filters, 'PageSize': size, 'Page': number, 'PageToken': f'PA{number}'})}"

        shown = found[page * size : (page + 1) * size]
        return json_response(
            200,
            {
                "messages": shown,
                "page": page,
                "page_size": size,
                "start": page * size,
                "end": page * size + max(0, len(shown) - 1),
                "uri": page_uri(page),
                "first_page_uri": page_uri(0),
                "next_page_uri": page_uri(page + 1) if (page + 1) * size < len(found) else None,
                "previous_page_uri": page_uri(page - 1) if page else None,
            },
        )

    # Webhooks

    def report(self, message: SandboxMessage, step: Step) -> None:
        """Call the message's StatusCallback."""
        wire: Wire = message.wire
        account = self._accounts.get(message.account)
        status = (WHATSAPP_STATUS if wire.whatsapp else SMS_STATUS).get(step)
        if account is None or status is None or not wire.status_callback:
            return
        form = {
            "MessageSid": message.provider_id,
            "SmsSid": message.provider_id,
            "MessageStatus": status,
            "SmsStatus": status,
            "AccountSid": message.account,
            "From": shown_sender(message),
            "To": shown_address(message, message.to),
            "ApiVersion": "2010-04-01",
        }
        if wire.messaging_service_sid:
            form["MessagingServiceSid"] = wire.messaging_service_sid
        if step is Step.FAILED:
            form["ErrorCode"] = message.code
        if wire.whatsapp:
            form |= {"ChannelPrefix": "whatsapp", "ChannelToAddress": message.to, "StructuredMessage": "false"}
            if step in (Step.READ, Step.DELIVERED):
                form["EventType"] = step.value.upper()
        self._post(account, message.sender, wire.status_callback, form)

    def write(self, account: str, address: str, text: str, about: SandboxMessage | None = None) -> str:
        """A person writes to the number that wrote to them last (or to the account's first)."""
        owner = self._accounts.get(account)
        if owner is None:
            raise ControlRefused(f"there is no account {account}")
        book = self._books[account]
        person = address.removeprefix("whatsapp:")
        own = about.sender if about else book.last_sender.get(person) or next(iter(owner.numbers), "")
        whatsapp = own.startswith("whatsapp:") or address.startswith("whatsapp:")
        word = text.strip().casefold()
        if not whatsapp and word in STOP_WORDS:
            book.stopped.add((own, person))
        elif word in START_WORDS:
            book.stopped.discard((own, person))
        sid = "SM" + self.world.new_id(16).hex()
        prefix = "whatsapp:" if whatsapp else ""
        form = {
            "MessageSid": sid,
            "SmsMessageSid": sid,
            "SmsSid": sid,
            "AccountSid": account,
            "From": prefix + person,
            "To": prefix + own.removeprefix("whatsapp:"),
            "Body": text,
            "NumMedia": "0",
            "NumSegments": str(segments_of(text)),
            "SmsStatus": "received",
            "ApiVersion": "2010-04-01",
        }
        if whatsapp:
            form |= {"WaId": person.removeprefix("+"), "ProfileName": f"Pessoa {person[-4:]}", "MessageType": "text"}
            if about is not None:
                form |= {"OriginalRepliedMessageSid": about.provider_id, "OriginalRepliedMessageSender": form["To"]}
        self.world.wrote(self, account, person, text)
        if owner.inbound_url:
            self._post(owner, own, owner.inbound_url, form)
        return sid

    def _post(self, account: Account, sender: str, url: str, form: dict[str, str]) -> None:
        headers = {
            "x-twilio-signature": signature(account.auth_token, url, form),
            "i-twilio-idempotency-token": self.world.new_id(16).hex(),
        }
        self.world.postman.post(
            Webhook(
                service=self.slug,
                sender=sender,
                url=url,
                body=urlencode(form).encode(),
                content_type="application/x-www-form-urlencoded; charset=utf-8",
                sign=lambda _: headers,
                retry=RETRY,
            )
        )


def signature(auth_token: str, url: str, form: Mapping[str, str]) -> str:
    """X-Twilio-Signature: HMAC-SHA1 over the URL and the sorted fields."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def _basic(header: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _reference(callback: str) -> str:
    found = re.search(r"[?&]reference=([^&]*)", callback)
    return found[1] if found else ""


IMITATIONS = (TwilioSandbox,)
