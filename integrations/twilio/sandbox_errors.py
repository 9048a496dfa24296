"""Twilio's error bodies."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.sandbox.wire import Response, json_response


@dataclass(frozen=True, slots=True)
class TwilioError:
    """One code with its HTTP status and text."""

    status: int
    text: str


ERRORS: dict[str, TwilioError] = {
    "20003": TwilioError(401, "Authenticate"),
    "20005": TwilioError(403, "Account not active"),
    "20404": TwilioError(404, "The requested resource was not found"),
    "20429": TwilioError(429, "Too Many Requests"),
    "20500": TwilioError(500, "An internal server error has occurred"),
    "21211": TwilioError(400, "Invalid 'To' Phone Number"),
    "21602": TwilioError(400, "Message body is required."),
    "21603": TwilioError(400, "A 'From' phone number is required."),
    "21604": TwilioError(400, "A 'To' phone number is required."),
    "21606": TwilioError(400, "The 'From' phone number is not a valid, message-capable Twilio phone number."),
    "21610": TwilioError(400, "Attempt to send to unsubscribed recipient"),
    "21614": TwilioError(400, "'To' number is not a valid mobile number"),
    "21617": TwilioError(400, "The concatenated message body exceeds the 1600 character limit."),
    "21910": TwilioError(400, "Invalid From and To pair. From and To should be of the same channel"),
    "30003": TwilioError(400, "Unreachable destination handset"),
    "30005": TwilioError(400, "Unknown destination handset"),
    "30006": TwilioError(400, "Landline or unreachable carrier"),
    "63007": TwilioError(400, "Twilio could not find a Channel with the specified From address"),
    "63016": TwilioError(400, "Failed to send freeform message because you are outside the allowed window."),
    "63018": TwilioError(429, "Rate limit exceeded for Channel"),
    "63024": TwilioError(400, "Invalid message recipient"),
    "63032": TwilioError(400, "User is part of a Meta experiment: the message was not sent"),
}


def twilio_error(code: str, text: str = "", headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """The error body of one code."""
    known = ERRORS[code]
    body = {
        "code": int(code),
        "message": text or known.text,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": known.status,
    }
    return json_response(known.status, body, headers)
