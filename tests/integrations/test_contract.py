"""The real clients against the sandbox, over real HTTP and SMTP: what they understand is what the wire says."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from integrations.calling import gate
from integrations.capabilities.messages import Accepted, OutboundMessage, TemplateCall, open_channel
from integrations.errors import (
    AcceptedBefore,
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    SuppressReason,
    TemporaryFailure,
)
from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState
from integrations.registry import manifests, service_module
from integrations.sandbox.runner import RunningSandbox
from tests.integrations.channel_probe import outcome

pytestmark = pytest.mark.django_db

SERVICES = ("whatsapp_cloud", "evolution", "twilio", "resend", "smtp", "amazon_ses")
TWILIO_ACCOUNT = f"AC{1:032x}"
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "whatsapp_cloud": {"business_account_id": "200000000000001"},
    "evolution": {},
    "twilio": {"account_sid": TWILIO_ACCOUNT},
    "resend": {},
    "amazon_ses": {
        "access_key_id": "AKIASANDBOX000000000",
        "configuration_set": "batuta",
        "topic_arn": "arn:aws:sns:sa-east-1:000000000000:ses-events",
    },
    "smtp": {"security": "none", "username": "sandbox"},
}
SECRETS: Mapping[str, Mapping[str, str]] = {
    "whatsapp_cloud": {"access_token": "sandbox-token", "app_secret": "sandbox-app-secret", "verify_token": "verify"},
    "evolution": {"api_key": "sandbox-evolution-key", "webhook_token": "hook-token"},
    "twilio": {"auth_token": "sandbox-auth-token"},
    "resend": {"api_key": "re_sandbox", "webhook_secret": "whsec_c2FuZGJveC1zaWduaW5nLXNlY3JldA=="},
    "smtp": {"password": "sandbox-password"},
    "amazon_ses": {"secret_access_key": "sandbox-secret-access-key"},
}
SENDERS: Mapping[str, str] = {
    "whatsapp_cloud": "100000000000001",
    "evolution": "sandbox-1",
    "twilio": "+15005550006",
    "resend": "Loja Ana <loja@example.com>",
    "smtp": "Loja Ana <loja@example.com>",
    "amazon_ses": "Loja Ana <loja@example.com>",
}
MAIL = ("resend", "smtp", "amazon_ses")
OVER_HTTP = tuple(service for service in SERVICES if service != "smtp")


@pytest.fixture(autouse=True)
def no_memory() -> Iterator[None]:
    """Nothing of another test's breaker or pauses."""
    gate.forget_connections()
    for key in gate._client().scan_iter("calls:*"):
        gate._client().delete(key)
    yield
    gate.forget_connections()


def facts(sandbox: RunningSandbox, service: str, **secrets: str) -> ConnectionFacts:
    """A connection to the sandbox's own account of a service."""
    where = (
        {"host": sandbox.smtp_host, "port": str(sandbox.smtp_port)}
        if service == "smtp"
        else {"base_url": sandbox.base_url(service)}
    )
    return ConnectionFacts(
        id=1,
        service=service,
        key="public-key",
        settings={**SETTINGS[service], **where},
        webhook_url=f"http://127.0.0.1:9/webhooks/{service}/public-key",
        secrets={**SECRETS[service], **secrets},
    )


def message(service: str, number: int = 1) -> OutboundMessage:
    """The n-th message, each to another person."""
    mail = service in MAIL
    return OutboundMessage(
        reference=str(4710 + number),
        idempotency_key=f"job-7.contact-{number}.step-1",
        to=f"pessoa{number}@example.com" if mail else f"+55119876543{number:02}",
        sender=SENDERS[service],
        text="Olá, Ana",
        subject="Novidades" if mail else "",
        html="<p>Olá, <b>Ana</b></p>" if mail else "",
        unsubscribe_url="https://batuta.example.com/u/token" if mail else "",
    )


def send_all(connection: ConnectionFacts, *outbound: OutboundMessage) -> list[Accepted | IntegrationError]:
    """Send messages one after the other through one channel."""

    async def run() -> list[Accepted | IntegrationError]:
        channel = open_channel(connection)
        try:
            return [await outcome(channel, each) for each in outbound]
        finally:
            await channel.aclose()

    return asyncio.run(run())


def test_every_service_of_messages_is_here() -> None:
    assert {slug for slug, manifest in manifests().items() if "messages" in manifest.capabilities} == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_what_the_client_calls_accepted_the_provider_accepted_once(sandbox: RunningSandbox, service: str) -> None:
    outbound = [message(service, number) for number in (1, 2, 3)]
    for each in outbound:
        sandbox.control.set_outcome(each.to, "delivered")
    results = send_all(facts(sandbox, service), *outbound)
    assert all(isinstance(result, Accepted) for result in results), results
    log = sandbox.control.acceptances()
    assert [each.service for each in log] == [service] * 3
    assert [each.provider_id for each in log] == [r.provider_id for r in results if isinstance(r, Accepted)]
    assert [each.to for each in log] == [each.to for each in outbound]
    if service != "evolution":  # it takes no reference
        assert [each.reference for each in log] == ["4711", "4712", "4713"]
    assert all("Olá, Ana" in each.text for each in log)


@pytest.mark.parametrize("service", ["whatsapp_cloud", "twilio"])
def test_a_template(sandbox: RunningSandbox, service: str) -> None:
    known = {
        "whatsapp_cloud": TemplateCall("hello_world", "en_US"),
        "twilio": TemplateCall(f"HX{1:032x}", "pt_BR", ("Ana",)),
    }
    (result,) = send_all(facts(sandbox, service), replace(message(service), template=known[service], text=""))
    assert isinstance(result, Accepted), result


@pytest.mark.parametrize("service", SERVICES)
def test_failures_before_acceptance(sandbox: RunningSandbox, service: str) -> None:
    connection = facts(sandbox, service)
    sandbox.control.add_fault("rate_limit", service=service, count=1, seconds=3)
    (limited,) = send_all(connection, message(service))
    assert isinstance(limited, TemporaryFailure) and limited.accepted_possible is False
    if service in OVER_HTTP:
        assert isinstance(limited, RateLimited)
        assert (limited.retry_after, limited.scope) == (3.0, "sender")
    sandbox.control.add_fault("server_error", service=service, count=1)
    (broken,) = send_all(connection, message(service))
    assert type(broken) is TemporaryFailure
    sandbox.control.add_fault("cut_before", service=service, count=1)
    (cut,) = send_all(connection, message(service))
    assert type(cut) is TemporaryFailure and cut.accepted_possible is True
    assert sandbox.control.acceptances() == []


@pytest.mark.parametrize(
    ("service", "kind"),
    # Not "smtp, server_error_after": a 4xx reply to DATA says by RFC 5321 that the message was not accepted.
    [*((service, "cut_after") for service in SERVICES), *((service, "server_error_after") for service in OVER_HTTP)],
)
def test_a_lost_acceptance_is_never_called_surely_not_accepted(
    sandbox: RunningSandbox, service: str, kind: str
) -> None:
    sandbox.control.set_outcomes({message(service, number).to: {"last": "delivered"} for number in (1, 2)})
    sandbox.control.add_fault(kind, service=service, count=1)
    lost, following = send_all(facts(sandbox, service), message(service), message(service, 2))
    log = sandbox.control.acceptances()
    assert isinstance(lost, TemporaryFailure)
    assert lost.accepted_possible is True
    assert isinstance(following, Accepted)
    assert [each.to for each in log] == [message(service).to, message(service, 2).to]


@pytest.mark.parametrize(
    ("service", "code", "expected"),
    [
        ("whatsapp_cloud", "131026", SuppressReason.UNREGISTERED),
        ("whatsapp_cloud", "131050", SuppressReason.OPTED_OUT),
        ("whatsapp_cloud", "131047", None),
        ("whatsapp_cloud", "131048", None),
        ("whatsapp_cloud", "131049", None),
        ("twilio", "21610", SuppressReason.OPTED_OUT),
        ("twilio", "21211", SuppressReason.INVALID_ADDRESS),
        ("twilio", "63016", None),
        ("resend", "validation_error", None),
        ("amazon_ses", "MessageRejected", None),
        ("smtp", "5.1.1", SuppressReason.HARD_BOUNCE),
        ("smtp", "5.7.1", None),
    ],
)
def test_refusals(sandbox: RunningSandbox, service: str, code: str, expected: SuppressReason | None) -> None:
    sandbox.control.add_fault("refuse", service=service, code=code, count=1)
    (result,) = send_all(facts(sandbox, service), message(service))
    assert isinstance(result, Refused), result
    assert (result.code.split(" ")[-1], result.suppress) == (code, expected)
    assert sandbox.control.acceptances() == []


@pytest.mark.parametrize(
    ("service", "code", "scope"),
    [("whatsapp_cloud", "131056", "recipient"), ("whatsapp_cloud", "80007", "sender"), ("twilio", "63018", "sender")],
)
def test_limits(sandbox: RunningSandbox, service: str, code: str, scope: str) -> None:
    sandbox.control.add_fault("refuse", service=service, code=code, count=1)
    (result,) = send_all(facts(sandbox, service), message(service))
    assert isinstance(result, RateLimited), result
    assert (result.code, result.scope, result.accepted_possible) == (code, scope, False)


def test_a_number_without_whatsapp(sandbox: RunningSandbox) -> None:
    sandbox.control.add_fault("refuse", service="evolution", code="not_registered", count=1)
    (result,) = send_all(facts(sandbox, "evolution"), message("evolution"))
    assert isinstance(result, Refused), result
    assert result.suppress is SuppressReason.UNREGISTERED


@pytest.mark.parametrize("service", SERVICES)
def test_a_wrong_secret(sandbox: RunningSandbox, service: str) -> None:
    name = next(iter(SECRETS[service]))
    wrong = {name: "re_wrong" if service == "resend" else "wrong"}
    (result,) = send_all(facts(sandbox, service, **wrong), message(service))
    assert isinstance(result, AuthenticationFailed), result
    assert sandbox.control.acceptances() == []
    assert health(facts(sandbox, service, **wrong)).state is HealthState.FAILED


def test_resend_drops_repetitions(sandbox: RunningSandbox) -> None:
    connection = facts(sandbox, "resend")
    first, again = send_all(connection, message("resend"), message("resend"))
    assert isinstance(first, Accepted) and first == again
    assert len(sandbox.control.acceptances()) == 1
    (other,) = send_all(connection, replace(message("resend"), subject="Outra coisa"))
    assert isinstance(other, AcceptedBefore) and other.code == "invalid_idempotent_request"
    sandbox.control.add_fault("cut_after", service="resend", count=1)
    lost, repeated = send_all(connection, message("resend", 2), message("resend", 2))
    assert isinstance(lost, TemporaryFailure) and isinstance(repeated, Accepted)
    assert len(sandbox.control.acceptances()) == 2


def health(connection: ConnectionFacts) -> Health:
    found: Health = asyncio.run(service_module(connection.service, "health").check(connection))
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_health(sandbox: RunningSandbox, service: str) -> None:
    found = health(facts(sandbox, service))
    # The sandbox speaks SMTP without TLS, which is worth a warning.
    assert found.state is (HealthState.DEGRADED if service == "smtp" else HealthState.OK), found.text


def test_health_of_a_disconnected_phone(sandbox: RunningSandbox) -> None:
    connection = facts(sandbox, "evolution")
    sandbox.control.add_fault("instance_closed", service="evolution", sender="sandbox-1")
    degraded = health(connection)
    assert (degraded.state, "sandbox-1" in str(degraded.text)) == (HealthState.DEGRADED, True)
    (result,) = send_all(connection, message("evolution"))
    assert type(result) is TemporaryFailure and result.accepted_possible is False, result
    assert sandbox.control.acceptances() == []
