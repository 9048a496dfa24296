"""Resend's error bodies, and what is wrong with an e-mail."""

from __future__ import annotations

import re
from collections.abc import Collection
from email.utils import parseaddr
from typing import Any

from integrations.sandbox.wire import Response, json_response

from .sandbox_contents import scheduled_moment

ERRORS: dict[str, tuple[int, str]] = {
    "missing_api_key": (401, "Missing API Key"),
    "invalid_api_key": (403, "API key is invalid"),
    "restricted_api_key": (401, "This API key is restricted to only send emails"),
    "invalid_idempotency_key": (400, "The idempotency key must be between 1 and 256 characters long"),
    "invalid_idempotent_request": (409, "This idempotency key has been used with a different payload"),
    "concurrent_idempotent_requests": (409, "The original request is still being made"),
    "validation_error": (422, "The request is not valid"),
    "missing_required_field": (422, "The request is missing a required field"),
    "not_found": (404, "The requested endpoint does not exist"),
    "method_not_allowed": (405, "Method is not allowed for the requested path"),
    "rate_limit_exceeded": (429, "Too many requests. You can only make a limited number of requests per second."),
    "daily_quota_exceeded": (429, "You have reached your daily email sending quota"),
    "monthly_quota_exceeded": (429, "You have reached your monthly email sending quota"),
    "application_error": (500, "An unexpected error occurred"),
    "internal_server_error": (500, "An unexpected error occurred"),
}
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+")
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")


def resend_error(name: str, text: str = "", *, status: int = 0, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Resend's error body."""
    known_status, known_text = ERRORS[name]
    status = status or known_status
    return json_response(status, {"statusCode": status, "name": name, "message": text or known_text}, headers)


def email_problem(domains: Collection[str], email: object) -> tuple[str, str, int] | None:
    """Name, text and status (0 = the name's own) of what is wrong with one e-mail."""
    if not isinstance(email, dict):
        return "validation_error", "The email must be an object", 0
    for name in ("from", "to", "subject"):
        if not email.get(name):
            return "missing_required_field", f"Missing `{name}` field.", 0
    if not any(email.get(name) for name in ("html", "text", "template")):
        return "missing_required_field", "Missing `html` or `text` field.", 0
    shape = "The email address needs to follow the `email@example.com` or `Name <email@example.com>` format."
    sender = parseaddr(str(email["from"]))[1]
    if not _ADDRESS.fullmatch(sender):
        return "validation_error", f"Invalid `from` field. {shape}", 0
    to = as_list(email["to"])
    if not 1 <= len(to) <= 50 or not all(_ADDRESS.fullmatch(parseaddr(each)[1]) for each in to):
        return "validation_error", f"Invalid `to` field. {shape}", 0
    domain = sender.rpartition("@")[2].lower()
    if domains and domain not in domains:
        text = f"The {domain} domain is not verified. Please, add and verify your domain on https://resend.com/domains"
        return "validation_error", text, 403
    if email.get("scheduled_at") and scheduled_moment(email["scheduled_at"]) is None:
        return "validation_error", "Invalid `scheduled_at` field.", 0
    for tag in email.get("tags") or ():
        if not (_TAG.fullmatch(str(tag.get("name", ""))) and _TAG.fullmatch(str(tag.get("value", "")))):
            text = "Tags should only contain ASCII letters, numbers, underscores, or dashes."
            return "validation_error", text, 0
    return None


def as_list(value: Any) -> list[str]:
    """`to` may be one address or a list."""
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]
