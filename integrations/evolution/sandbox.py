"""Evolution API v2, imitated: instances, sends, and webhooks with a static header or a JWT.

Mounted at `/evolution`, so the base URL of a client is `http://host:port/evolution`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson

from integrations.sandbox.behaviour import FailureCode, Step
from integrations.sandbox.faults import FaultKind
from integrations.sandbox.imitation import ControlRefused, MessagingImitation, known_fields
from integrations.sandbox.phones import SandboxMessage
from integrations.sandbox.postman import RetryRule, Webhook
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import BadBody, Request, Response, json_response
from integrations.sandbox.world import World

from .sandbox_contents import (
    BUSINESS,
    NOT_REGISTERED,
    REFUSALS,
    Instance,
    evolution_error,
    instance_row,
    jid_of,
    readable_text,
    required_fields,
    sent_facts,
    status_word,
    subscription_from,
    token,
    webhook_facts,
)

# Ten attempts, 5 s doubling to 300 s; these answers of the receiver end it.
RETRY = RetryRule((5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0), frozenset({400, 401, 403, 404, 422}))


class EvolutionSandbox(MessagingImitation):
    """The service: one server with its global key and its instances."""

    slug = "evolution"
    title = "Evolution API"
    events = ("scanned",)
    failure_codes: tuple[FailureCode, ...] = (FailureCode(NOT_REGISTERED, 0.8), FailureCode("ERROR", 0.2))
    routes = Routes(
        ("POST", "/message/sendText/{instance}", "sendText"),
        ("POST", "/message/sendMedia/{instance}", "sendMedia"),
        ("POST", "/message/sendTemplate/{instance}", "sendTemplate"),
        ("POST", "/chat/whatsappNumbers/{instance}", "check_numbers"),
        ("GET", "/instance/connectionState/{instance}", "connection_state"),
        ("GET", "/instance/connect/{instance}", "connect"),
        ("GET", "/instance/fetchInstances", "list_instances"),
        ("POST", "/instance/create", "create_instance"),
        ("DELETE", "/instance/logout/{instance}", "logout_instance"),
        ("DELETE", "/instance/delete/{instance}", "delete_instance"),
        ("POST", "/webhook/set/{instance}", "set_webhook"),
        ("GET", "/webhook/find/{instance}", "find_webhook"),
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._api_key = "sandbox-evolution-key"
        self._instances: dict[str, Instance] = {}
        self._registered: dict[str, tuple[Instance, str]] = {}
        self._closed: set[str] = set()
        self.open_account({"name": "sandbox-1", "number": "5511400000011"})
        self.open_account({"name": "sandbox-2", "number": "5511400000012"})

    @property
    def operations(self) -> tuple[str, ...]:
        """See Imitation; all the ways to send are one operation, `send`."""
        return ("send", *(operation for operation in self.routes.operations if not operation.startswith("send")))

    def supports(self, kind: FaultKind, operation: str) -> bool:
        """See Imitation; only this service has instances that may be logged out."""
        return kind is FaultKind.INSTANCE_CLOSED or super().supports(kind, operation)

    def match(self, request: Request, path: str) -> tuple[str, tuple[str, ...]] | None:
        """See Imitation."""
        found = self.routes.match(request.method, path)
        if found is None or not found[0].startswith("send"):
            return found
        return "send", (*found[1], found[0])

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return evolution_error(404, [f"Cannot {request.method} {request.path}"])

    def rate_limited(self, retry_after: float) -> Response:
        """Evolution itself has no limit; a proxy before it may."""
        return evolution_error(429, ["Too many requests"], (("retry-after", str(max(1, round(retry_after)))),))

    def broken(self) -> Response:
        """See Imitation."""
        return evolution_error(500, "Internal Server Error")

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return REFUSALS

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        return evolution_error(*REFUSALS[code])

    def error_in_success(self, operation: str) -> Response | None:
        """The Business channel answers 201 with Meta's error inside."""
        error = {"message": "(#131000) Something went wrong", "type": "OAuthException", "code": 131000}
        return json_response(201, {"error": error}) if operation == "send" else None

    def faults_changed(self) -> None:
        """Tell of instances that were closed or came back."""
        for name, instance in self._instances.items():
            closed = self.world.faults.is_closed(self.slug, name)
            if closed != (name in self._closed):
                (self._closed.add if closed else self._closed.discard)(name)
                self._tell_state(instance)

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """Register an instance: `name`, `number`, `token`, `integration`; `webhook` as /webhook/set takes it.

        `api_key` changes the server's global key.
        """
        given = dict(given)
        self._api_key = str(given.pop("api_key", self._api_key))
        instance = self._opened(given)
        self._registered[instance.name] = (instance, instance.state)
        return {**asdict(instance), "api_key": self._api_key}

    def _opened(self, given: dict[str, Any]) -> Instance:
        """A new instance on the server. Raises ControlRefused."""
        webhook = given.pop("webhook", None)
        given = known_fields(Instance, given)
        name = str(given.get("name", ""))
        if not re.fullmatch(r"[\w .-]{1,100}", name):
            raise ControlRefused("name must be 1 to 100 letters, digits, spaces, dots or dashes")
        number = f"55114{int(hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest(), 16) % 10**7:07}"
        token = f"token-{name}"
        instance = Instance(**{"token": token, "number": number, **given})
        if webhook is not None:
            instance.webhook = subscription_from(webhook)
        self._instances[name] = instance
        return instance

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [{**asdict(instance), "api_key": self._api_key} for instance in self._instances.values()]

    # Requests

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        key = request.headers.get("apikey", "")
        instance = self._instances.get(arguments[0]) if arguments else None
        if arguments and instance is None:
            return evolution_error(404, [f'The "{arguments[0]}" instance does not exist'])
        allowed = {self._api_key} if instance is None else {self._api_key, instance.token}
        if operation == "list_instances":
            allowed |= {each.token for each in self._instances.values()}
        if not key or key not in allowed:
            return evolution_error(401, "Unauthorized")
        try:
            body = request.json() if request.body else {}
        except BadBody:
            return evolution_error(400, ["Unexpected token in JSON"])
        if not isinstance(body, dict):
            return evolution_error(400, ["The body must be an object"])
        if instance is None:
            return self._create(body) if operation == "create_instance" else self._fetch(key, request)
        match operation:
            case "send":
                return self._send(instance, arguments[1], body, request)
            case "check_numbers":
                return json_response(200, [self._existence(str(number)) for number in body.get("numbers", [])])
            case "connection_state":
                return json_response(200, {"instance": {"instanceName": instance.name, "state": self._state(instance)}})
            case "connect":
                return self._connect(instance)
            case "set_webhook" | "find_webhook":
                return self._webhook(instance, operation, body)
            case _:
                return self._leave(instance, operation)

    def _create(self, body: dict[str, Any]) -> Response:
        name = str(body.get("instanceName", ""))
        if not name:
            return evolution_error(400, [["instanceName is required"]])
        if name in self._instances:
            return evolution_error(403, [f'This name "{name}" is already in use.'])
        given = {"name": name, "integration": str(body.get("integration", "WHATSAPP-BAILEYS"))}
        given |= {key: str(body[key]) for key in ("token", "number") if body.get(key)}
        try:
            instance = self._opened({**given, "state": "close", "webhook": body.get("webhook") or {}})
        except ControlRefused as error:
            return evolution_error(400, [[str(error)]])
        self._record(instance, "create_instance", body)
        shown = {
            "instanceName": name,
            "instanceId": instance.id,
            "integration": instance.integration,
            "status": instance.state,
        }
        return json_response(201, {"instance": shown, "hash": instance.token, "webhook": {}, "settings": {}})

    def _fetch(self, key: str, request: Request) -> Response:
        wanted = request.query.get("instanceName", "") if request.query_string else ""
        seen = [each for each in self._instances.values() if key in (self._api_key, each.token)]
        return json_response(200, [instance_row(each, self._state(each)) for each in seen if wanted in ("", each.name)])

    def _connect(self, instance: Instance) -> Response:
        """A QR code for a phone to scan (`happen("scanned")`), unless it is joined already."""
        if self._state(instance) == "open":
            return json_response(200, {"instance": {"instanceName": instance.name, "state": "open"}})
        instance.state = "connecting"
        self._record(instance, "connect", {})
        code = base64.b64encode(self.world.new_id(32)).decode()
        picture = f"data:image/png;base64,{code}"
        return json_response(200, {"pairingCode": None, "code": f"2@{code}", "base64": picture, "count": 1})

    def _record(self, instance: Instance, operation: str, body: dict[str, Any]) -> None:
        self.world.record_write(
            self,
            account=instance.name,
            operation=operation,
            reference=instance.name,
            body=body,
            provider_id=instance.id,
        )

    def happen(self, event: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Somebody scans the QR code of `instance` with a phone."""
        instance = self._instances.get(str(facts.get("instance", "")))
        if instance is None:
            raise ControlRefused(f"there is no instance {facts.get('instance', '')}")
        instance.state = "open"
        self._tell_state(instance)
        return {"instance": instance.name, "state": instance.state}

    def clear(self) -> None:
        """See Imitation; what clients made, logged out or took away is as before."""
        self._instances = {name: instance for name, (instance, _state) in self._registered.items()}
        for instance, state in self._registered.values():
            instance.state = state

    def _webhook(self, instance: Instance, operation: str, body: dict[str, Any]) -> Response:
        if operation == "set_webhook":
            asked = body.get("webhook")
            if not isinstance(asked, dict) or not asked.get("url"):
                return evolution_error(400, [['instance requires property "webhook"']])
            instance.webhook = subscription_from(asked)
            self._record(instance, operation, body)
        content = webhook_facts(instance)
        return json_response(201 if operation == "set_webhook" else 200, content)

    def _leave(self, instance: Instance, operation: str) -> Response:
        if operation == "delete_instance":
            del self._instances[instance.name]
        elif self._state(instance) != "open":
            return evolution_error(400, [f'The "{instance.name}" instance is not connected'])
        else:
            instance.state = "close"
            self._tell_state(instance)
        self._record(instance, operation, {})
        text = "Instance deleted" if operation == "delete_instance" else "Instance logged out"
        return json_response(200, {"status": "SUCCESS", "error": False, "response": {"message": text}})

    def _send(self, instance: Instance, route: str, body: dict[str, Any], request: Request) -> Response:
        missing = [name for name in required_fields(route) if not body.get(name)]
        if missing:
            return evolution_error(400, [[f'instance requires property "{name}"' for name in missing]])
        business = instance.integration == BUSINESS
        if route == "sendTemplate" and not business:
            return evolution_error(400, ["Method not available in the Baileys service"])
        if self._state(instance) != "open":
            return evolution_error(500, "Connection Closed")
        digits = re.sub(r"\D", "", str(body["number"]).partition("@")[0])
        journey = self.world.behaviour.journey(self.slug, f"+{digits}", self.failure_codes)
        if not 8 <= len(digits) <= 15 or (journey.code == NOT_REGISTERED and not business):
            return evolution_error(400, [{**self._existence(digits), "exists": False}])
        message_type, content, text = readable_text(route, body)
        business_id = base64.b64encode(self.world.new_id(18)).decode()
        key_id = f"wamid.{business_id}" if business else f"3EB0{self.world.new_id(9).hex().upper()}"
        message = self.world.accept(
            self,
            account=instance.name,
            sender=instance.name,
            to=f"+{digits}",
            provider_id=key_id,
            request_body=request.body,
            text=text,
            wire=jid_of(digits),
            journey=journey,
        )
        sent = sent_facts(instance, key_id, str(message.wire), int(message.at), message_type, content)
        self._post(instance, "send.message", sent)
        return json_response(201, sent)

    def _existence(self, number: str) -> dict[str, Any]:
        digits = re.sub(r"\D", "", number)
        code = self.world.behaviour.journey(self.slug, f"+{digits}", self.failure_codes).code
        return {"exists": code != NOT_REGISTERED, "jid": jid_of(digits), "number": digits}

    def _state(self, instance: Instance) -> str:
        return "close" if self.world.faults.is_closed(self.slug, instance.name) else instance.state

    # Webhooks

    def report(self, message: SandboxMessage, step: Step) -> None:
        """Send messages.update for one step."""
        instance = self._instances.get(message.account)
        if instance is None:
            return
        status = status_word(instance, step)
        if status is not None:
            update = {
                "keyId": message.provider_id,
                "messageId": f"cm{hashlib.sha256(message.provider_id.encode()).hexdigest()[:23]}",
                "remoteJid": message.wire,
                "fromMe": True,
                "participant": None,
                "status": status,
                "instanceId": instance.id,
            }
            self._post(instance, "messages.update", update)

    def write(self, account: str, address: str, text: str, about: SandboxMessage | None = None) -> str:
        """See Imitation."""
        instance = self._instances.get(account)
        if instance is None:
            raise ControlRefused(f"there is no instance {account}")
        digits = re.sub(r"\D", "", address)
        key_id = "3A" + self.world.new_id(9).hex().upper()
        inbound: dict[str, Any] = {
            "key": {"remoteJid": jid_of(digits), "fromMe": False, "id": key_id},
            "pushName": f"Pessoa {digits[-4:]}",
            "status": "DELIVERY_ACK",
            "message": {"conversation": text},
            "contextInfo": None,
            "messageType": "conversation",
            "messageTimestamp": int(self.world.clock.now()),
            "instanceId": instance.id,
            "source": "android",
        }
        if about is not None:
            inbound["contextInfo"] = {"stanzaId": about.provider_id, "participant": f"{instance.number}@s.whatsapp.net"}
        self.world.wrote(self, account, f"+{digits}", text)
        self._post(instance, "messages.upsert", inbound)
        return key_id

    def _tell_state(self, instance: Instance) -> None:
        state = self._state(instance)
        facts = {"instance": instance.name, "state": state, "statusReason": 200 if state == "open" else 401}
        self._post(instance, "connection.update", facts)

    def _post(self, instance: Instance, event: str, facts: Mapping[str, Any]) -> None:
        webhook = instance.webhook
        name = event.upper().replace(".", "_")
        if not webhook.enabled or not webhook.url or (webhook.events and name not in webhook.events):
            return
        url = f"{webhook.url}/{event.replace('.', '-')}" if webhook.by_events else webhook.url
        content = {
            "event": event,
            "instance": instance.name,
            "data": facts,
            "destination": url,
            "date_time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "sender": f"{instance.number}@s.whatsapp.net",
            "server_url": "http://sandbox.invalid",
            "apikey": None,
        }
        headers = {key: value for key, value in webhook.headers.items() if key != "jwt_key"}

        def sign(body: bytes) -> Mapping[str, str]:
            secret = webhook.headers.get("jwt_key", "")
            return (
                {**headers, "authorization": f"Bearer {token(secret, int(self.world.clock.now()))}"}
                if secret
                else headers
            )

        body = orjson.dumps(content)
        self.world.postman.post(Webhook(self.slug, instance.name, url, body, "application/json", sign, RETRY))


IMITATIONS = (EvolutionSandbox,)
