"""One message to one person: the next channel when one surely has not sent it, nobody once one may have."""

from collections.abc import Callable

import pytest

from integrations.capabilities import single_messages
from integrations.capabilities.chain import ChainExhausted
from integrations.capabilities.messages import Accepted, OutboundMessage
from integrations.capabilities.single_messages import SingleMessage, send_email, send_whatsapp_first
from integrations.errors import AddressDead, AuthenticationFailed, Refused, SuppressReason, TemporaryFailure
from integrations.facts import ConnectionFacts
from integrations.models import Connection

pytestmark = pytest.mark.django_db

MESSAGE = SingleMessage(
    "contract-7.reminder", "Seu contrato vence amanhã", "+5511987654321", "ana@example.com", "Contrato"
)
UNREGISTERED = Refused("x", "send", "131026", suppress=SuppressReason.UNREGISTERED)
BOUNCED = Refused("x", "send", "550", suppress=SuppressReason.HARD_BOUNCE)
BLOCKED = AuthenticationFailed("x", "send", "blocked")
PERHAPS = TemporaryFailure("x", "send", "timeout", accepted_possible=True)
SERVICES = ("whatsapp_cloud", "evolution", "twilio", "resend", "amazon_ses", "smtp")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[str, str]]]:
    """Connections of every message service, each with what it does; returns who was asked to write to whom."""
    for service in SERVICES:
        Connection.objects.create(service=service, name=f"Our {service}")
    seen: list[tuple[str, str]] = []

    def script(**errors: Exception) -> list[tuple[str, str]]:
        async def once(connection: ConnectionFacts, outbound: OutboundMessage) -> Accepted:
            seen.append((connection.service, outbound.to))
            if connection.service in errors:
                raise errors[connection.service]
            return Accepted(f"{connection.service}-1")

        monkeypatch.setattr(single_messages, "_once", once)
        return seen

    return script


def us(connection: ConnectionFacts) -> str:
    return "us"


def test_whatsapp_gives_way_to_sms_and_sms_to_an_email(asked: Callable[..., list[tuple[str, str]]]) -> None:
    seen = asked(whatsapp_cloud=UNREGISTERED, evolution=BLOCKED, twilio=BLOCKED)
    done = send_whatsapp_first(MESSAGE, us)
    assert done.answer == Accepted("resend-1")
    assert seen == [
        ("whatsapp_cloud", "+5511987654321"),
        ("evolution", "+5511987654321"),
        ("twilio", "+5511987654321"),
        ("resend", "ana@example.com"),
    ]


@pytest.mark.parametrize("send", [send_whatsapp_first, send_email])
def test_nobody_else_is_asked_once_one_may_have_sent_it(
    asked: Callable[..., list[tuple[str, str]]], send: Callable[..., object]
) -> None:
    seen = asked(whatsapp_cloud=PERHAPS, resend=PERHAPS)
    for _try in range(2):
        with pytest.raises(TemporaryFailure) as raised:
            send(MESSAGE, us)
        assert raised.value.accepted_possible
    assert len(seen) == 1


def test_mail_services_stand_in_for_one_another_and_a_dead_address_is_dead_everywhere(
    asked: Callable[..., list[tuple[str, str]]],
) -> None:
    seen = asked(resend=BLOCKED, amazon_ses=BOUNCED)
    with pytest.raises(AddressDead):
        send_email(MESSAGE, us)
    assert [service for service, _to in seen] == ["resend", "amazon_ses"]


def test_when_nobody_was_able_to_the_caller_does_the_last_step(asked: Callable[..., list[tuple[str, str]]]) -> None:
    down = TemporaryFailure("x", "send", "connect", accepted_possible=False)
    seen = asked(resend=BLOCKED, amazon_ses=down, smtp=BLOCKED)
    with pytest.raises(ChainExhausted) as raised:
        send_email(MESSAGE, us)
    assert raised.value.may_work_later and len(seen) == 3


def test_who_has_no_address_or_no_sender_is_passed_over(asked: Callable[..., list[tuple[str, str]]]) -> None:
    seen = asked()
    done = send_whatsapp_first(
        SingleMessage("k-2", "Oi", phone="+5511987654321"), lambda own: "" if own.service == "whatsapp_cloud" else "us"
    )
    assert (done.answer, seen) == (Accepted("evolution-1"), [("evolution", "+5511987654321")])
