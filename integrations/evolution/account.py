"""What people and tasks ask of an Evolution server beside sending: its instances, their QR codes, numbers on WhatsApp, webhooks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from integrations.errors import AuthenticationFailed, Refused
from integrations.evolution.client import evolution_failure
from integrations.facts import ConnectionFacts
from integrations.http import HttpResponse
from integrations.json_calls import JsonCalls

BAILEYS, BUSINESS = "WHATSAPP-BAILEYS", "WHATSAPP-BUSINESS"  # an ordinary phone; Meta's Cloud API behind Evolution
EVENTS = ("MESSAGES_UPSERT", "MESSAGES_UPDATE", "CONNECTION_UPDATE")  # what `webhook` understands
OPEN = "open"


@dataclass(frozen=True, slots=True)
class Instance:
    """One WhatsApp session of the server and its state: open, connecting or close."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class NewInstance:
    """A session that was just made. Its token opens its own routes and nothing else; keep it as a secret."""

    name: str
    id: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pairing:
    """How a phone is joined to an instance: scan `qr` (a data URL of an image) or enter `pairing_code`. Neither when it is open."""

    is_open: bool
    qr: str = field(default="", repr=False)
    pairing_code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Existence:
    """Whether a phone number has a WhatsApp account, and its address there."""

    number: str
    exists: bool
    jid: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where the events of an instance go."""

    url: str
    is_enabled: bool


class EvolutionAccount:
    """One server. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._connection = connection
        self._calls = JsonCalls(
            connection,
            connection.setting("base_url"),
            headers={"apikey": connection.secret("api_key")},
            checked=_checked,
        )

    def list_instances(self) -> list[Instance]:
        """The instances that the key may see."""
        return self._instances("list_instances")

    def look(self) -> list[Instance]:
        """The same, for the health check."""
        return self._instances("health")

    def connection_state(self, instance: str) -> str:
        """open, connecting or close."""
        answer = self._calls.ask("connection_state", "GET", f"/instance/connectionState/{_named(instance)}")
        return self._calls.text("connection_state", answer, "instance", "state")

    def connect(self, instance: str) -> Pairing:
        """Begin to join a phone; each call brings a fresh QR code, which lives for about a minute."""
        answer = self._calls.ask("connect", "GET", f"/instance/connect/{_named(instance)}")
        shown = answer.get("instance") if isinstance(answer, dict) else None
        if isinstance(shown, dict):
            return Pairing(is_open=self._calls.text("connect", shown, "state") == OPEN)
        qr = self._calls.text("connect", answer, "base64")
        return Pairing(False, qr, str(answer.get("pairingCode") or ""))

    def create_instance(self, name: str, *, number: str = "", integration: str = BAILEYS) -> NewInstance:
        """Make a session. Its name must be new: repeating a lost request would be refused."""
        asked: dict[str, Any] = {"instanceName": name, "integration": integration, "qrcode": False}
        if number:
            asked["number"] = number.removeprefix("+")
        answer = self._calls.ask("create_instance", "POST", "/instance/create", json=asked)
        text = self._calls.text
        return NewInstance(
            name=text("create_instance", answer, "instance", "instanceName"),
            id=text("create_instance", answer, "instance", "instanceId"),
            token=text("create_instance", answer, "hash"),
        )

    def logout_instance(self, instance: str) -> None:
        """Part an instance from its phone; nothing when it is parted already."""
        try:
            answer = self._calls.ask("logout_instance", "DELETE", f"/instance/logout/{_named(instance)}")
        except Refused:
            # An earlier attempt whose answer was lost may have done it.
            if self.connection_state(instance) == OPEN:
                raise
            return
        self._calls.text("logout_instance", answer, "status")

    def delete_instance(self, instance: str) -> None:
        """Take an instance away for good; nothing when it is gone already."""
        try:
            answer = self._calls.ask("delete_instance", "DELETE", f"/instance/delete/{_named(instance)}")
        except AuthenticationFailed as error:
            if error.code != "instance_unknown":
                raise
            return
        self._calls.text("delete_instance", answer, "status")

    def check_numbers(self, instance: str, numbers: Sequence[str]) -> list[Existence]:
        """Which numbers (E.164) have WhatsApp. Ask for few: WhatsApp bans numbers that look too many up."""
        digits = [number.removeprefix("+") for number in numbers]
        answer = self._calls.ask(
            "check_numbers", "POST", f"/chat/whatsappNumbers/{_named(instance)}", json={"numbers": digits}
        )
        found = []
        for row in self._calls.rows("check_numbers", answer):
            exists = row.get("exists")
            if not isinstance(exists, bool):
                raise self._calls.missing("check_numbers", "exists")
            number = self._calls.text("check_numbers", row, "number")
            found.append(Existence(f"+{number.removeprefix('+')}", exists, str(row.get("jid") or "")))
        return found

    def set_webhook(self, instance: str, *, url: str = "", events: Sequence[str] = EVENTS) -> Subscription:
        """Let an instance tell its events to this connection's own webhook address (or `url`), signed with its webhook secret."""
        asked = {
            "enabled": True,
            "url": url or self._connection.webhook_url,
            "headers": {"jwt_key": self._connection.secret("webhook_token")},
            "byEvents": False,
            "base64": False,
            "events": list(events),
        }
        answer = self._calls.ask("set_webhook", "POST", f"/webhook/set/{_named(instance)}", json={"webhook": asked})
        return Subscription(self._calls.text("set_webhook", answer, "url"), answer.get("enabled") is True)

    def close(self) -> None:
        """Close all connections."""
        self._calls.close()

    def _instances(self, operation: str) -> list[Instance]:
        answer = self._calls.ask(operation, "GET", "/instance/fetchInstances")
        return [
            Instance(self._calls.text(operation, row, "name"), self._calls.text(operation, row, "connectionStatus"))
            for row in self._calls.rows(operation, answer)
        ]


def _named(instance: str) -> str:
    return quote(instance, safe="")


def _checked(response: HttpResponse) -> Any:
    if not response.ok:
        raise evolution_failure(response)
    return response.json()


def build(connection: ConnectionFacts) -> EvolutionAccount:
    """The account behind one connection. Raises `NotConfigured`."""
    return EvolutionAccount(connection)
