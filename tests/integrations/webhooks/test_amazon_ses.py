"""Amazon SES through SNS: what became of e-mails, and the question whether we want to hear it. Samples are from AWS's developer guides."""

import asyncio
import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from integrations import inbound
from integrations.amazon_ses import sns
from integrations.amazon_ses.webhook import CONFIRM, event_id, parse, prepare, verify
from integrations.connections import seal_secrets
from integrations.errors import NotConfigured, SuppressReason
from integrations.events import EventKind, MessageEvent, ReceivedServiceEvent, ServiceEvent
from integrations.facts import ConnectionFacts
from integrations.models import Connection, InboundEvent
from integrations.sandbox.runner import RunningSandbox
from integrations.tasks import confirm_subscription
from integrations.webhooks.request import BadSignature, UnreadablePayload, WebhookRequest
from tests.integrations.sandbox.receiver import Receiver
from tests.integrations.webhooks.deliveries import as_delivery, delivery, sample

TOPIC = "arn:aws:sns:sa-east-1:123456789012:ses-events"
CERTIFICATE = "https://sns.sa-east-1.amazonaws.com/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem"
WRITTEN = datetime(2026, 11, 20, 12, 0, 6, tzinfo=UTC)
KEY = generate_private_key(public_exponent=65537, key_size=2048)
OTHER = generate_private_key(public_exponent=65537, key_size=2048)
SUBJECT_FIRST = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
TOKEN_TOO = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def connection(base_url: str = "", topic: str = TOPIC) -> ConnectionFacts:
    settings = {"topic_arn": topic, "base_url": base_url}
    return ConnectionFacts(id=7, service="amazon_ses", key="k" * 24, settings=settings)


def signed(
    name: str = "bounce", *, version: str = "1", key: Any = KEY, at: datetime = WRITTEN, **changed: str
) -> WebhookRequest:
    """A sample, signed as AWS describes it, with fields changed before signing."""
    message = {**json.loads(sample("amazon_ses", name)), "SignatureVersion": version, **changed}
    names = TOKEN_TOO if message["Type"] == "SubscriptionConfirmation" else SUBJECT_FIRST
    text = "".join(f"{each}\n{message[each]}\n" for each in names if each in message)
    algorithm = SHA256() if version == "2" else SHA1()
    message["Signature"] = base64.b64encode(key.sign(text.encode(), PKCS1v15(), algorithm)).decode()
    return delivery(json.dumps(message).encode(), {"content-type": "text/plain"}, at=at.timestamp())


@pytest.fixture(autouse=True)
def certificate() -> Iterator[None]:
    """Amazon's certificate is known to be KEY's."""
    sns.forget_keys()
    sns._keys[CERTIFICATE] = (10.0**9, KEY.public_key())
    yield
    sns.forget_keys()


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("name", ["bounce", "subscription_confirmation"])
def test_amazons_signature_is_accepted(name: str, version: str) -> None:
    verify(signed(name, version=version), connection())
    verify(signed(name, version=version, at=WRITTEN + timedelta(minutes=64)), connection())


def altered(request: WebhookRequest, **changed: str) -> WebhookRequest:
    """Changed after signing."""
    body = json.dumps({**json.loads(request.body), **changed}).encode()
    return delivery(body, request.headers, at=request.received_at.timestamp())


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(altered(signed(), Message="{}"), id="altered message"),
        pytest.param(altered(signed(), Subject="other"), id="altered subject"),
        pytest.param(altered(signed(), Timestamp="2026-11-20T12:00:07.000Z"), id="altered timestamp"),
        pytest.param(altered(signed("subscription_confirmation"), SubscribeURL="https://x.example"), id="altered URL"),
        pytest.param(signed(key=OTHER), id="another's key"),
        pytest.param(altered(signed(version="1"), SignatureVersion="2"), id="another version"),
        pytest.param(altered(signed(), SignatureVersion="3"), id="unknown version"),
        pytest.param(altered(signed(), Signature="²"), id="no base64"),
        pytest.param(signed(TopicArn=f"{TOPIC}-of-somebody"), id="another's topic, rightly signed"),
        pytest.param(signed(at=WRITTEN + timedelta(minutes=66)), id="sent too long ago"),
        pytest.param(signed(at=WRITTEN - timedelta(minutes=6)), id="from the future"),
        pytest.param(delivery(b"[]", {}), id="no object"),
    ],
)
def test_anything_else_is_refused(request_: WebhookRequest) -> None:
    with pytest.raises(BadSignature):
        verify(request_, connection())


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.sa-east-1.amazonaws.com/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
        "https://sns.sa-east-1.amazonaws.com.example/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
        "https://sns.sa-east-1.amazonaws.com@x.example/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
        "https://x@sns.sa-east-1.amazonaws.com/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
        "https://sns.sa-east-1.amazonaws.com:8443/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
        "https://bucket.s3.amazonaws.com/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
        "https://sns.sa-east-1.amazonaws.com/other.pem",
        "https://127.0.0.1/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
        "https://[/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
        "",
    ],
)
def test_only_amazons_certificates_are_asked_for(url: str) -> None:
    with pytest.raises(BadSignature, match="SigningCertURL"):
        asyncio.run(prepare(signed(SigningCertURL=url), connection()))
    with pytest.raises(BadSignature, match="SigningCertURL"):
        verify(signed(SigningCertURL=url), connection())


def test_a_certificate_that_cannot_be_had_is_asked_for_again_later(receiver: Receiver) -> None:
    own = f"{receiver.url}/amazon_ses"
    request = signed(SigningCertURL=f"{own}/sns/SimpleNotificationService-{'a' * 32}.pem")
    with pytest.raises(NotConfigured):
        asyncio.run(prepare(request, connection(own)))
    with pytest.raises(BadSignature):
        verify(request, connection(own))
    for _attempt in range(2 * sns.MOST_FETCHES):
        with pytest.raises(NotConfigured):
            asyncio.run(prepare(request, connection(own)))
    assert len(sns._fetches) == sns.MOST_FETCHES, "nobody makes the door ask without end"


def one(name: str) -> MessageEvent:
    """The only event of a sample."""
    (found,) = parse(sample("amazon_ses", name), "text/plain", {})
    assert isinstance(found, MessageEvent)
    assert (found.address, found.own_address, found.reference) == ("ana@example.com", "oi@loja.example", "4711")
    assert found.provider_message_id == "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000"
    return found


@pytest.mark.parametrize(
    ("name", "kind", "code", "suppress", "minute"),
    [
        ("bounce", EventKind.BOUNCED, "Permanent:General", SuppressReason.HARD_BOUNCE, 0),
        ("suppressed", EventKind.FAILED, "Permanent:OnAccountSuppressionList", SuppressReason.PROVIDER_BLOCKED, 0),
        ("complaint", EventKind.COMPLAINED, "abuse", SuppressReason.COMPLAINED, 10),
        ("delivery", EventKind.DELIVERED, "", None, 0),
        ("open", EventKind.OPENED, "", None, 5),
        ("reject", EventKind.FAILED, "reject", None, 0),
    ],
)
def test_each_event(name: str, kind: EventKind, code: str, suppress: SuppressReason | None, minute: int) -> None:
    found = one(name)
    assert (found.kind, found.error_code, found.suppress) == (kind, code, suppress)
    assert (found.occurred_at.hour, found.occurred_at.minute) == (12, minute)


def test_a_transient_bounce_leaves_the_address_alone() -> None:
    envelope = json.loads(sample("amazon_ses", "bounce"))
    message = json.loads(envelope["Message"])
    message["bounce"]["bounceType"] = "Transient"
    (found,) = parse(json.dumps({**envelope, "Message": json.dumps(message)}).encode(), "text/plain", {})
    assert isinstance(found, MessageEvent)
    assert (found.kind, found.suppress) == (EventKind.BOUNCED, None)


def test_what_says_nothing_and_what_cannot_be_read() -> None:
    assert parse(sample("amazon_ses", "delivery_delay"), "text/plain", {}) == []
    assert parse(b'{"Type":"Notification","Message":"Successfully validated SNS topic"}', "text/plain", {}) == []
    assert parse(b'{"Type":"UnsubscribeConfirmation"}', "text/plain", {}) == []
    with pytest.raises(UnreadablePayload):
        parse(b"x", "text/plain", {})


def test_the_question_of_a_topic_is_an_event_for_a_task() -> None:
    body = sample("amazon_ses", "subscription_confirmation")
    (found,) = parse(body, "text/plain", {})
    assert isinstance(found, ServiceEvent)
    assert (found.kind, found.subject, dict(found.facts)) == (CONFIRM, TOPIC, {})
    assert event_id(delivery(body, {})) == "165545c9-2a5c-472c-8df2-7ff2be2b3b1b"
    stranger = json.dumps({"SubscribeURL": "https://sns.sa-east-1.amazonaws.com.example/?Action=ConfirmSubscription"})
    with pytest.raises(UnreadablePayload, match="SubscribeURL"):
        sns.confirm(stranger.encode(), connection())


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_the_sandbox_tells_is_accepted_and_confirmed(
    sandbox: RunningSandbox, receiver: Receiver, version: str
) -> None:
    opened = sandbox.control.open_account(
        "amazon_ses", access_key_id="AKIAHOOKS", webhook_url=receiver.url, signature_version=version
    )
    own = connection(sandbox.base_url("amazon_ses"), str(opened["topic_arn"]))
    host = sandbox.url.removeprefix("http://")
    asked = sandbox.control.happen("amazon_ses", "subscription", account="AKIAHOOKS", host=host)
    (taken,) = receiver.wait_for(1)
    assert taken.headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    request = as_delivery(taken)
    asyncio.run(prepare(request, own))
    verify(request, own)
    sns.confirm(request.body, own)
    (write,) = sandbox.control.writes("amazon_ses", "confirm_subscription")
    assert write.reference == asked["token"]
    key = sns.known_key(json.loads(request.body)["SigningCertURL"])
    assert isinstance(key, RSAPublicKey)


@pytest.mark.django_db
def test_a_task_confirms_what_the_door_has_stored(
    sandbox: RunningSandbox, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.control.open_account("amazon_ses", access_key_id="AKIAHOOKS", webhook_url=receiver.url)
    host = sandbox.url.removeprefix("http://")
    asked = sandbox.control.happen("amazon_ses", "subscription", account="AKIAHOOKS", host=host)
    (taken,) = receiver.wait_for(1)
    stored = Connection.objects.create(
        service="amazon_ses",
        name="SES",
        settings={"base_url": sandbox.base_url("amazon_ses"), "access_key_id": "AKIAHOOKS"},
        sealed_secrets=seal_secrets({"secret_access_key": "x"}),
    )
    event = InboundEvent.objects.create(
        received_on=datetime.now(UTC).date(),
        service="amazon_ses",
        connection_id=stored.pk,
        provider_event_id="1",
        content_type="text/plain",
        query="",
        body=taken.body,
    )
    enqueued: list[tuple[object, ...]] = []
    monkeypatch.setattr(inbound, "enqueue_after_commit", lambda *message: enqueued.append(message))
    (fact,) = parse(taken.body, "text/plain", {})
    assert isinstance(fact, ServiceEvent)
    inbound.deliver([ReceivedServiceEvent(event.pk, event.received_at, "amazon_ses", stored.pk, fact)])
    assert enqueued == [("integrations.confirm_subscription", event.pk)]
    confirm_subscription(event.pk)
    (write,) = sandbox.control.writes("amazon_ses", "confirm_subscription")
    assert write.reference == asked["token"]
