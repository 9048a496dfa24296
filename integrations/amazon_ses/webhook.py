"""What became of each e-mail, as SES tells an SNS topic and SNS tells us, signed with a certificate of Amazon's.

Amazon signs for everybody's topics: a signature alone only says that some topic sent this, so the topic must be the connection's.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from email.utils import parseaddr
from typing import Any

from integrations.amazon_ses import sns
from integrations.errors import IntegrationError, NotConfigured, SuppressReason
from integrations.events import EventKind, InboundFact, MessageEvent, ServiceEvent
from integrations.facts import ConnectionFacts
from integrations.webhooks.reading import iso_moment, json_mapping, mapping, mappings, text
from integrations.webhooks.request import BadSignature, UnreadablePayload, WebhookRequest

TOLERANCE = timedelta(hours=1, minutes=5)  # SNS repeats a delivery for an hour at most, with the first one's timestamp
AHEAD = timedelta(minutes=5)
CONFIRM = "amazon_ses.subscription_confirmation"

KINDS: Mapping[str, EventKind] = {
    "Send": EventKind.SENT,
    "Delivery": EventKind.DELIVERED,
    "Open": EventKind.OPENED,
    "Click": EventKind.CLICKED,
    "Bounce": EventKind.BOUNCED,
    "Complaint": EventKind.COMPLAINED,
    "Reject": EventKind.FAILED,
    "Rendering Failure": EventKind.FAILED,
    "Subscription": EventKind.UNSUBSCRIBED,
}
_DETAILS: Mapping[str, str] = {
    "Rendering Failure": "failure"
}  # event → where its facts stand, if not under its own name
_REPEATED = (EventKind.OPENED, EventKind.CLICKED)
_OWN_LIST = frozenset({"OnAccountSuppressionList", "Suppressed"})


async def prepare(request: WebhookRequest, connection: ConnectionFacts) -> None:
    """Get the certificate that the message names, if it is not known yet: the door asks this before `verify`.

    Raises `BadSignature` for an address that is not Amazon's, `NotConfigured` when the certificate cannot be had now.
    """
    url = _certificate_url(_message(request.body), connection)
    try:
        await sns.fetch_key(url)
    except IntegrationError as error:
        raise NotConfigured("amazon_ses", "webhook", error.code, "the certificate cannot be read now") from None


def verify(request: WebhookRequest, connection: ConnectionFacts) -> None:
    """Raises `BadSignature` unless the connection's own topic sent this, within the hour in which SNS repeats it."""
    message = _message(request.body)
    topic = connection.setting("topic_arn")
    if text(message, "TopicArn") != topic:
        raise BadSignature("the topic is not the connection's")
    key = sns.known_key(_certificate_url(message, connection))
    if key is None or not sns.is_genuine(message, key):
        raise BadSignature("the signature does not match the message")
    written = iso_moment(text(message, "Timestamp"))
    if not -AHEAD <= request.received_at - written <= TOLERANCE:
        raise BadSignature("the timestamp is too old")


def event_id(request: WebhookRequest) -> str:
    """SNS's own id, the same on each repetition."""
    return text(_message(request.body), "MessageId")


def parse(body: bytes, content_type: str, query: Mapping[str, str]) -> list[InboundFact]:
    """One event for each person concerned; for a new subscription, that it waits for our confirmation. Raises `UnreadablePayload`."""
    envelope = json_mapping(body)
    kind = text(envelope, "Type")
    if kind == "SubscriptionConfirmation":
        return [
            ServiceEvent(
                kind=CONFIRM,
                occurred_at=iso_moment(text(envelope, "Timestamp")),
                provider_event_id=text(envelope, "MessageId"),
                subject=text(envelope, "TopicArn"),
            )
        ]
    if kind != "Notification":
        return []
    try:
        content = json_mapping(text(envelope, "Message").encode())
    except UnreadablePayload:
        return []  # SES greets a new destination with a sentence
    name = text(content, "eventType") or text(content, "notificationType")
    event = KINDS.get(name)
    mail = mapping(content, "mail")
    if event is None or not text(mail, "messageId"):
        return []
    details = mapping(content, _DETAILS.get(name, name.lower()))
    if event is EventKind.UNSUBSCRIBED and mapping(details, "newTopicPreferences").get("unsubscribeAll") is not True:
        return []
    return list(_events(event, name, mail, details, text(envelope, "Timestamp")))


def _events(
    event: EventKind, name: str, mail: Mapping[str, Any], details: Mapping[str, Any], told: str
) -> Iterator[MessageEvent]:
    happened = text(details, "timestamp") or (text(mail, "timestamp") if event is EventKind.SENT else told)
    code, words, suppress = _failure(name, details)
    message_id = text(mail, "messageId")
    for address, diagnosis in _people(name, mail, details):
        yield MessageEvent(
            kind=EventKind.FAILED if suppress is SuppressReason.PROVIDER_BLOCKED else event,
            occurred_at=iso_moment(happened),
            provider_event_id=f"{message_id}:{event}:{address}" + (f":{happened}" if event in _REPEATED else ""),
            provider_message_id=message_id,
            reference=_reference(mail),
            address=address,
            own_address=parseaddr(text(mail, "source"))[1].lower(),
            text=text(details, "link"),
            error_code=code,
            error_text=diagnosis or words,
            suppress=suppress,
        )


def _people(name: str, mail: Mapping[str, Any], details: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Whom an event concerns, each with what their mail server said."""
    lists = {"Bounce": "bouncedRecipients", "Complaint": "complainedRecipients"}
    if name in lists:
        rows = mappings(details, lists[name])
        found = [(text(row, "emailAddress"), text(row, "diagnosticCode")) for row in rows]
    else:
        whole = details.get("recipients") if name == "Delivery" else mail.get("destination")
        found = [(each, "") for each in whole if isinstance(each, str)] if isinstance(whole, list) else []
    people = [(parseaddr(address)[1].lower(), diagnosis) for address, diagnosis in found]
    return [(address, diagnosis) for address, diagnosis in people if address]


def _failure(name: str, details: Mapping[str, Any]) -> tuple[str, str, SuppressReason | None]:
    """(code, text, why the address is dead) of an event that says that the e-mail did not arrive or was unwelcome."""
    if name == "Bounce":
        kind, detail = text(details, "bounceType"), text(details, "bounceSubType")
        code = ":".join(part for part in (kind, detail) if part)
        if detail in _OWN_LIST:
            return code, "", SuppressReason.PROVIDER_BLOCKED
        # Transient and undetermined bounces may pass: the address stays.
        return code, "", SuppressReason.HARD_BOUNCE if kind == "Permanent" else None
    if name == "Complaint":
        return text(details, "complaintFeedbackType") or "complained", "", SuppressReason.COMPLAINED
    if name in ("Reject", "Rendering Failure"):
        return name.lower().replace(" ", "_"), text(details, "reason") or text(details, "errorMessage"), None
    if name == "Subscription":
        return "", "", SuppressReason.OPTED_OUT
    return "", "", None


def _reference(mail: Mapping[str, Any]) -> str:
    values = mapping(mail, "tags").get("reference")
    first = values[0] if isinstance(values, list) and values else ""
    return first if isinstance(first, str) else ""


def _message(body: bytes) -> Mapping[str, Any]:
    try:
        return json_mapping(body)
    except UnreadablePayload:
        raise BadSignature("the body is not a message of SNS") from None


def _certificate_url(message: Mapping[str, Any], connection: ConnectionFacts) -> str:
    url = text(message, "SigningCertURL")
    if not sns.is_certificate(url, connection):
        raise BadSignature("SigningCertURL is not Amazon's")
    return url
