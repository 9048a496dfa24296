"""Error bodies of the Graph API and of WhatsApp's status webhooks."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from integrations.sandbox.wire import Response, json_response


@dataclass(frozen=True, slots=True)
class GraphError:
    """One code: HTTP status of a direct answer, title, details."""

    status: int
    title: str
    details: str = ""


ERRORS: dict[str, GraphError] = {
    "4": GraphError(429, "Application request limit reached"),
    "10": GraphError(403, "Application does not have permission for this action"),
    "100": GraphError(400, "Invalid parameter"),
    "190": GraphError(401, "Invalid OAuth access token - Cannot parse access token"),
    "368": GraphError(403, "Temporarily blocked for policies violations"),
    "2500": GraphError(400, "An active access token must be used to query information about the current user."),
    "80007": GraphError(429, "Rate limit issues", "The WhatsApp Business Account has reached its rate limit."),
    "130429": GraphError(429, "Rate limit hit", "Cloud API message throughput has been reached."),
    "131000": GraphError(500, "Something went wrong", "Message failed to send due to an unknown error."),
    "131008": GraphError(400, "Required parameter is missing"),
    "131009": GraphError(400, "Parameter value is not valid"),
    "131016": GraphError(500, "Service unavailable", "A service is temporarily unavailable."),
    "131021": GraphError(400, "Recipient cannot be sender", "Sender and recipient phone number is the same."),
    "131026": GraphError(400, "Message undeliverable", "Message Undeliverable."),
    "131031": GraphError(403, "Business Account locked"),
    "131037": GraphError(400, "Display name approval is needed before the number can send messages"),
    "131042": GraphError(
        400, "Business eligibility payment issue", "There was an error related to your payment method."
    ),
    "131047": GraphError(
        400,
        "Re-engagement message",
        "More than 24 hours have passed since the customer last replied to this number.",
    ),
    "131048": GraphError(
        429, "Spam rate limit hit", "There are restrictions on how many messages this number can send."
    ),
    "131049": GraphError(
        400,
        "This message was not delivered to maintain healthy ecosystem engagement.",
        "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
    ),
    "131050": GraphError(
        400,
        "User's stopped marketing messages",
        "Recipient has chosen to stop receiving marketing messages on WhatsApp from your business",
    ),
    "131053": GraphError(400, "Media upload error", "Unable to upload the media used in the message."),
    "131056": GraphError(
        429,
        "(Business Account, Consumer Account) pair rate limit hit",
        "Too many messages sent from the sender phone number to the same recipient phone number in a short time.",
    ),
    "131057": GraphError(500, "Account in maintenance mode"),
    "131064": GraphError(400, "Messaging limit reached", "This portfolio has reached its messaging limit."),
    "132000": GraphError(
        400,
        "Number of parameters does not match the expected number of params",
        "body: number of localizable_params does not match the expected number of params",
    ),
    "132001": GraphError(404, "Template name does not exist in the translation"),
    "132005": GraphError(400, "Translated text too long"),
    "132007": GraphError(400, "Template format character policy violated"),
    "132012": GraphError(400, "Parameter format does not match format in the created template"),
    "132015": GraphError(400, "Template is paused"),
    "132016": GraphError(400, "Template is disabled"),
    "133016": GraphError(400, "Account register deregister rate limit exceeded"),
}


def graph_error(
    code: str,
    *,
    message: str = "",
    details: str = "",
    subcode: int | None = None,
    status: int | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Response:
    """The Graph API's error envelope for one code."""
    known = ERRORS[code]
    error: dict[str, Any] = {
        "message": message or (known.title if len(code) < 4 or code == "2500" else f"(#{code}) {known.title}"),
        "type": "OAuthException",
        "code": int(code),
    }
    if subcode is not None:
        error["error_subcode"] = subcode
    if details or known.details:
        error["error_data"] = {"messaging_product": "whatsapp", "details": details or known.details}
    error["fbtrace_id"] = "A" + secrets.token_urlsafe(16)
    return json_response(status or known.status, {"error": error}, headers)


def status_error(code: str) -> dict[str, Any]:
    """One entry of `errors` in a failed status."""
    known = ERRORS.get(code, GraphError(400, "Something went wrong"))
    return {
        "code": int(code),
        "title": known.title,
        "message": known.title,
        "error_data": {"details": known.details or known.title},
        "href": "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes/",
    }
