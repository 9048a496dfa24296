"""WhatsApp Cloud API, imitated: numbers, templates, sends, and signed webhooks in batches.

Mounted at `/whatsapp_cloud`, so the base URL of a client is `http://host:port/whatsapp_cloud/v26.0`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from integrations.sandbox.behaviour import FailureCode, Journey, Step
from integrations.sandbox.imitation import ControlRefused, MessagingImitation, known_fields
from integrations.sandbox.limits import Bucket, PairGate
from integrations.sandbox.phones import SandboxMessage
from integrations.sandbox.postman import RetryRule, Webhook
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import BadBody, Request, Response, json_response
from integrations.sandbox.world import World

from .sandbox_contents import message_content, new_wamid, whatsapp_id
from .sandbox_errors import ERRORS, graph_error, status_error
from .sandbox_numbers import Number, number_facts, only
from .sandbox_templates import DEFAULT_TEMPLATES, TemplateShelf

MAX_BATCH = 100
MAX_HEARD = 100_000
BATCH_SECONDS = 0.05
SECONDS_BETWEEN_MESSAGES_TO_ONE_PERSON = 6.0
# Meta tries again at once, then less and less often, for days.
RETRY = RetryRule((0.0, 2.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 12 * 3600.0, 24 * 3600.0))
STATUS_WORDS = {Step.SENT: "sent", Step.DELIVERED: "delivered", Step.READ: "read", Step.FAILED: "failed"}


@dataclass(slots=True)
class _Wire:
    """What status webhooks need to know of a message."""

    wa_id: str
    user_id: str
    category: str


class WhatsAppCloudSandbox(MessagingImitation):
    """The service."""

    slug = "whatsapp_cloud"
    title = "WhatsApp Cloud API"
    failure_codes: tuple[FailureCode, ...] = (
        FailureCode("131026", 0.6),
        FailureCode("131049", 0.3),
        FailureCode("131050", 0.1),
    )
    routes = Routes(
        ("POST", "/v[0-9.]+/{phone_number_id}/messages", "send"),
        ("POST", "/v[0-9.]+/{phone_number_id}/marketing_messages", "send"),
        ("GET", "/v[0-9.]+/{waba_id}/message_templates", "list_templates"),
        ("POST", "/v[0-9.]+/{waba_id}/message_templates", "create_template"),
        ("GET", "/v[0-9.]+/{waba_id}/phone_numbers", "list_phone_numbers"),
        ("POST", "/v[0-9.]+/{phone_number_id}/media", "upload_media"),
        ("GET", "/v[0-9.]+/{phone_number_id}", "portfolio_limit"),
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._numbers: dict[str, Number] = {}
        self._shelves: dict[str, TemplateShelf] = {}
        self._buckets: dict[str, Bucket] = {}
        self._pairs = PairGate(SECONDS_BETWEEN_MESSAGES_TO_ONE_PERSON)
        self._heard: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._batches: dict[tuple[str, str], list[tuple[Number, str, dict[str, Any]]]] = {}
        for last in range(1, 4):
            self.open_account(
                {"phone_number_id": f"10000000000000{last}", "display_phone_number": f"+55 11 4000-000{last}"}
            )

    # Routing and failures

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return graph_error("2500", details=f"Unknown path components: {request.path}")

    def rate_limited(self, retry_after: float) -> Response:
        """Too many messages from this number."""
        return graph_error("130429", headers=(("retry-after", str(max(1, round(retry_after)))),))

    def broken(self) -> Response:
        """Graph's transient failure."""
        return graph_error("131000", status=500)

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return ERRORS

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return graph_error(code)

    def error_in_success(self, operation: str) -> Response | None:
        """The Graph API does so at times."""
        return graph_error("131000", status=200)

    def expired_token(self, operation: str) -> Response | None:
        """See Imitation."""
        return graph_error("190", message="Error validating access token: Session has expired.", subcode=463)

    def missing_scope(self, operation: str) -> Response | None:
        """See Imitation."""
        return graph_error("10")

    # Accounts

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """Register a number; `templates` (as Graph lists them) are added to its account's."""
        given = dict(given)
        templates = given.pop("templates", ())
        if not re.fullmatch(r"\d+", str(given.get("phone_number_id", ""))):
            raise ControlRefused("phone_number_id must be digits")
        number = Number(**known_fields(Number, given))
        self._numbers[number.phone_number_id] = number
        self._buckets[number.phone_number_id] = Bucket(number.messages_per_second, number.messages_per_second)
        shelf = self._shelves.setdefault(number.waba_id, TemplateShelf(DEFAULT_TEMPLATES))
        for template in templates:
            shelf.add(template)
        return asdict(number)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(number) for number in self._numbers.values()]

    def clear(self) -> None:
        """See Imitation."""
        self._batches.clear()
        self._heard.clear()
        for shelf in self._shelves.values():
            shelf.clear()
        self._pairs = PairGate(SECONDS_BETWEEN_MESSAGES_TO_ONE_PERSON)

    # Requests

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not token:
            token = request.query.get("access_token", "") if request.query_string else ""
        if not token:
            return graph_error("2500", details="An active access token must be used to query information.")
        number = self._numbers.get(arguments[0])
        if operation in ("send", "upload_media", "portfolio_limit"):
            if number is None:
                return self._unknown_object(request, arguments[0], token)
            if not hmac.compare_digest(token.encode(), number.token.encode()):
                return graph_error("190")
            if operation == "send":
                return self._send(number, request)
            if operation == "upload_media":
                return self._upload(number, request)
            return json_response(200, only(number_facts(number), request.query.get("fields", "")))
        numbers = [each for each in self._numbers.values() if each.waba_id == arguments[0]]
        if not numbers:
            return self._unknown_object(request, arguments[0], token)
        if token not in {each.token for each in numbers}:
            return graph_error("190")
        if operation == "list_phone_numbers":
            return json_response(200, {"data": [number_facts(each) for each in numbers], "paging": {}})
        shelf = self._shelves[arguments[0]]
        return (
            shelf.listing(request)
            if operation == "list_templates"
            else self._create_template(shelf, arguments[0], request)
        )

    def _create_template(self, shelf: TemplateShelf, waba_id: str, request: Request) -> Response:
        response = shelf.create(request)
        if response.status == 200:
            self.world.record_write(
                self, account=waba_id, operation="create_template", reference=waba_id, body=request.body
            )
        return response

    def _upload(self, number: Number, request: Request) -> Response:
        try:
            parts = {part.name: part for part in request.parts()}
        except BadBody:
            return graph_error("100", message="(#100) The body is not a multipart form.")
        if "messaging_product" not in parts or parts["messaging_product"].body != b"whatsapp":
            return graph_error("100", message="(#100) The parameter messaging_product is required.")
        if "file" not in parts or not parts["file"].body:
            return graph_error("131053")
        media_id = str(int.from_bytes(self.world.new_id(6), "big"))
        self.world.record_write(
            self,
            account=number.phone_number_id,
            operation="upload_media",
            reference=parts["file"].filename,
            body=parts["file"].body,
            provider_id=media_id,
        )
        return json_response(200, {"id": media_id})

    def _unknown_object(self, request: Request, object_id: str, token: str) -> Response:
        if token not in {number.token for number in self._numbers.values()}:
            return graph_error("190")
        verb = request.method.lower()
        return graph_error(
            "100",
            message=f"Unsupported {verb} request. Object with ID '{object_id}' does not exist, cannot be loaded due to "
            "missing permissions, or does not support this operation",
            subcode=33,
        )

    def _send(self, number: Number, request: Request) -> Response:
        try:
            body = request.json()
        except BadBody:
            return graph_error("100", message="(#100) The body is not valid JSON.")
        if not isinstance(body, dict) or body.get("messaging_product") != "whatsapp":
            return graph_error("100", message="(#100) The parameter messaging_product is required.")
        to, user_id = str(body.get("to", "")), str(body.get("recipient", ""))
        if not to and not user_id:
            return graph_error("100", message="(#100) The parameter to is required.")
        digits = re.sub(r"[ +()\-]", "", to)
        if to and not re.fullmatch(r"\d{6,15}", digits):
            return graph_error("131009", details="Parameter 'to' is not a valid phone number")
        kind = str(body.get("type", "text"))
        text, category, problem = message_content(self._shelves[number.waba_id], kind, body)
        if problem is not None:
            return problem
        if len(str(body.get("biz_opaque_callback_data", ""))) > 512:
            return graph_error("100", message="(#100) Param biz_opaque_callback_data must be at most 512 characters")
        if digits == re.sub(r"\D", "", number.display_phone_number):
            return graph_error("131021")
        if self.world.settings.real_limits:
            if self._buckets[number.phone_number_id].take():
                return graph_error("130429")
            if not self._pairs.passes(number.phone_number_id, digits or user_id):
                return graph_error("131056")
        return self._accept(number, body, request, digits, user_id, text, category)

    def _accept(
        self,
        number: Number,
        body: Mapping[str, Any],
        request: Request,
        digits: str,
        user_id: str,
        text: str,
        category: str,
    ) -> Response:
        wa_id = whatsapp_id(digits)
        address = f"+{digits}" if digits else user_id
        message_id = new_wamid(wa_id or user_id, self.world.new_id(9))
        journey = self.world.behaviour.journey(self.slug, address, self.failure_codes)
        if self.world.settings.real_limits and category == "service" and not self._in_window(number, digits):
            journey = Journey(((Step.FAILED, 1.0),), code="131047")
        shown_wa_id = "" if journey.hides_number else wa_id
        bsuid = user_id or f"BR.{hashlib.blake2b(address.encode(), digest_size=8).hexdigest()}"
        self.world.accept(
            self,
            account=number.phone_number_id,
            sender=number.phone_number_id,
            to=address,
            provider_id=message_id,
            request_body=request.body,
            text=text,
            reference=str(body.get("biz_opaque_callback_data", "")),
            wire=_Wire(shown_wa_id, bsuid, category),
            journey=journey,
        )
        contact = {"input": str(body.get("to", "")) or user_id, "wa_id": shown_wa_id}
        if not shown_wa_id:
            contact["user_id"] = bsuid
        return json_response(
            200, {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": message_id}]}
        )

    def _in_window(self, number: Number, digits: str) -> bool:
        """Whether the person wrote to this number in the last 24 hours of provider time."""
        heard = self._heard.get((number.phone_number_id, whatsapp_id(digits)))
        return heard is not None and (self.world.clock.now() - heard) * self.world.clock.scale < 24 * 3600

    # Webhooks

    def report(self, message: SandboxMessage, step: Step) -> None:
        """Queue one status for the next batch of its app. WhatsApp tells of no clicks and no complaints."""
        number = self._numbers.get(message.account)
        word = STATUS_WORDS.get(step)
        if number is None or not number.webhook_url or word is None:
            return
        wire: _Wire = message.wire
        status: dict[str, Any] = {
            "id": message.provider_id,
            "status": word,
            "timestamp": str(int(message.state_at)),
            "recipient_id": wire.wa_id,
        }
        if not wire.wa_id:
            status["recipient_user_id"] = wire.user_id
        if message.reference:
            status["biz_opaque_callback_data"] = message.reference
        if step is Step.FAILED:
            status["errors"] = [status_error(message.code)]
        elif step is not Step.READ:
            status["pricing"] = {
                "billable": wire.category not in ("service", ""),
                "pricing_model": "PMP",
                "type": "free_customer_service" if wire.category == "service" else "regular",
                "category": wire.category,
            }
        self._queue(number, "statuses", status)

    def write(self, account: str, address: str, text: str, about: SandboxMessage | None = None) -> str:
        """See Imitation."""
        number = self._numbers.get(account)
        if number is None:
            raise ControlRefused(f"there is no number {account}")
        wa_id = whatsapp_id(re.sub(r"\D", "", address))
        inbound_id = new_wamid(wa_id, self.world.new_id(9))
        inbound: dict[str, Any] = {
            "from": wa_id,
            "id": inbound_id,
            "timestamp": str(int(self.world.clock.now())),
            "type": "text",
            "text": {"body": text},
        }
        if about is not None:
            inbound["context"] = {
                "from": re.sub(r"\D", "", number.display_phone_number),
                "id": about.provider_id,
            }
        self._heard[(account, wa_id)] = self.world.clock.now()
        if len(self._heard) > MAX_HEARD:
            self._heard.popitem(last=False)
        self.world.wrote(self, account, address, text)
        if number.webhook_url:
            self._queue(number, "messages", inbound)
        return inbound_id

    def _queue(self, number: Number, kind: str, item: dict[str, Any]) -> None:
        app = (number.webhook_url, number.app_secret)
        batch = self._batches.get(app)
        if batch is None:
            batch = self._batches[app] = []
            self.world.clock.after(BATCH_SECONDS, self._flush, app)
        batch.append((number, kind, item))
        if len(batch) >= MAX_BATCH:
            self._flush(app)

    def _flush(self, app: tuple[str, str]) -> None:
        batch = self._batches.pop(app, None)
        if not batch:
            return
        entries: dict[str, dict[str, dict[str, Any]]] = {}
        for number, kind, item in batch:
            values = entries.setdefault(number.waba_id, {})
            value = values.get(number.phone_number_id)
            if value is None:
                value = values[number.phone_number_id] = {
                    "messaging_product": "whatsapp",
                    "metadata": {
                        "display_phone_number": re.sub(r"\D", "", number.display_phone_number),
                        "phone_number_id": number.phone_number_id,
                    },
                }
            if kind == "messages":
                profile = {"profile": {"name": f"Pessoa {item['from'][-4:]}"}, "wa_id": item["from"]}
                value.setdefault("contacts", []).append(profile)
            value.setdefault(kind, []).append(item)
        url, secret = app
        content = {
            "object": "whatsapp_business_account",
            "entry": [
                {"id": waba_id, "changes": [{"value": value, "field": "messages"} for value in values.values()]}
                for waba_id, values in entries.items()
            ],
        }
        body = json_response(200, content).body
        signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        self.world.postman.post(
            Webhook(
                service=self.slug,
                sender=batch[0][0].phone_number_id,
                url=url,
                body=body,
                content_type="application/json",
                sign=lambda _: {"x-hub-signature-256": signature},
                retry=RETRY,
                events=len(batch),
            )
        )


IMITATIONS = (WhatsAppCloudSandbox,)
