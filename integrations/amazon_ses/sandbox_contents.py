"""Errors, identities and events of the imitated Amazon SES."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any

from integrations.sandbox.behaviour import Step
from integrations.sandbox.phones import SandboxMessage
from integrations.sandbox.wire import Response, json_response

ERRORS: dict[str, tuple[int, str]] = {
    "AccessDeniedException": (403, "User is not authorized to perform: ses:SendEmail"),
    "AccountSuspendedException": (400, "The account's ability to send email has been permanently restricted."),
    "BadRequestException": (400, "The input you provided is invalid."),
    "ExpiredTokenException": (403, "The security token included in the request is expired"),
    "InternalServiceErrorException": (500, "The request processing has failed because of an unknown error."),
    "InvalidSignatureException": (
        403,
        "The request signature we calculated does not match the signature you provided.",
    ),
    "LimitExceededException": (400, "There are too many instances of the specified resource type."),
    "MailFromDomainNotVerifiedException": (400, "The MAIL FROM domain is not verified."),
    "MessageRejected": (400, "Email contains a virus."),
    "MissingAuthenticationTokenException": (403, "Missing Authentication Token"),
    "NotFoundException": (404, "The resource you attempted to access doesn't exist."),
    "SendingPausedException": (400, "Email sending is disabled."),
    "TooManyRequestsException": (429, "Maximum sending rate exceeded."),
    "UnrecognizedClientException": (403, "The security token included in the request is invalid."),
}
EVENTS = {
    Step.SENT: "Send",
    Step.DELIVERED: "Delivery",
    Step.READ: "Open",
    Step.CLICKED: "Click",
    Step.COMPLAINED: "Complaint",
    Step.FAILED: "Bounce",
}
BOUNCES = {
    "permanent": ("Permanent", "General", "smtp; 550 5.1.1 user unknown"),
    "transient": ("Transient", "MailboxFull", "smtp; 452 4.2.2 mailbox full"),
    "suppressed": ("Permanent", "OnAccountSuppressionList", "Amazon SES did not send the message"),
}


@dataclass(slots=True)
class Wire:
    """What events need."""

    source: str
    tags: dict[str, str]
    headers: dict[str, str]


def ses_error(name: str, text: str = "", headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """SES's error body, with the header that names it."""
    status, known = ERRORS[name]
    return json_response(status, {"message": text or known}, (("x-amzn-errortype", name), *headers))


def sender_problem(domains: Collection[str], body: Mapping[str, Any]) -> Response | None:
    """What is wrong with the sender of one e-mail or a bulk."""
    sender = parseaddr(str(body.get("FromEmailAddress", "")))[1].lower()
    if "@" not in sender:
        return ses_error("BadRequestException", "Missing final '@domain'")
    domain = sender.rpartition("@")[2]
    if domains and domain not in domains:
        text = f"Email address is not verified. The following identities failed the check in region: {sender}"
        return ses_error("MessageRejected", text)
    return None


def people_of(destination: object) -> list[str] | None:
    """The addresses of a destination; None when one is none."""
    to = destination.get("ToAddresses") if isinstance(destination, dict) else None
    people = [parseaddr(str(each))[1].lower() for each in to] if isinstance(to, list) else []
    return people if people and all("@" in each for each in people) else None


def tags_of(rows: object) -> dict[str, str]:
    """The tags of a message, as events have them."""
    return {str(row["Name"]): str(row["Value"]) for row in rows} if isinstance(rows, list) else {}


def event_of(message: SandboxMessage, step: Step) -> dict[str, Any] | None:
    """What SES tells the topic about one step; None for what it does not tell."""
    name = EVENTS.get(step)
    if name is None:
        return None
    wire: Wire = message.wire
    at = datetime.fromtimestamp(message.state_at or message.at, UTC).isoformat(timespec="milliseconds")
    now = at.replace("+00:00", "Z")
    details: dict[str, Any] = {"timestamp": now}
    if name == "Bounce":
        kind, detail, words = BOUNCES.get(message.code, BOUNCES["permanent"])
        row = {"emailAddress": message.to, "action": "failed", "status": "5.1.1", "diagnosticCode": words}
        details |= {"bounceType": kind, "bounceSubType": detail, "bouncedRecipients": [row], "feedbackId": "0100"}
    elif name == "Complaint":
        details |= {"complainedRecipients": [{"emailAddress": message.to}], "complaintFeedbackType": "abuse"}
    elif name == "Delivery":
        details |= {"recipients": [message.to], "processingTimeMillis": 500, "smtpResponse": "250 ok"}
    elif name == "Click":
        details |= {"ipAddress": "192.0.2.1", "link": "https://example.com/", "userAgent": "Mozilla/5.0 (sandbox)"}
    elif name == "Open":
        details |= {"ipAddress": "192.0.2.1", "userAgent": "Mozilla/5.0 (sandbox)"}
    else:
        details = {}
    return {
        "eventType": name,
        "mail": {
            "timestamp": datetime.fromtimestamp(message.at, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "source": wire.source,
            "messageId": message.provider_id,
            "destination": [message.to],
            "headersTruncated": False,
            "headers": [{"name": key, "value": value} for key, value in wire.headers.items()],
            "commonHeaders": {"from": [wire.source], "to": [message.to], "subject": message.subject},
            "tags": {name: [value] for name, value in wire.tags.items()},
        },
        name.lower(): details,
    }
