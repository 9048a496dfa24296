"""What Telegram's errors mean. It names them by an HTTP status and an English sentence; what matters is told apart by the sentence."""

from collections.abc import Mapping
from typing import Any

from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    SuppressReason,
    TemporaryFailure,
)
from integrations.http import HttpResponse

SERVICE = "telegram"
DEFAULT_WAIT = 30.0  # seconds, when a 429 names none
LONGEST_WAIT = 24 * 3600.0  # seconds; a larger wish is capped

# A piece of the sentence in lower case → our code; the first that fits wins.
_SENTENCES: Mapping[int, tuple[tuple[str, str], ...]] = {
    400: (
        ("message is not modified", "not_modified"),
        ("chat not found", "chat_not_found"),
        ("message to edit not found", "message_not_found"),
        ("message can't be edited", "message_fixed"),
        ("message is too long", "text_too_long"),
        ("caption is too long", "caption_too_long"),
        ("message text is empty", "text_empty"),
        ("can't parse entities", "formatting_invalid"),
        ("button_data_invalid", "button_invalid"),
        ("failed to get http url content", "document_unreachable"),
        ("wrong file identifier/http url", "document_unreachable"),
        ("wrong type of the web page content", "document_unreachable"),
        ("not enough rights", "no_rights"),
        ("bad webhook", "webhook_invalid"),
    ),
    403: (
        ("blocked by the user", "blocked"),
        ("user is deactivated", "deactivated"),
        ("bot was kicked", "kicked"),
        ("bot is not a member", "kicked"),
        ("can't initiate conversation", "never_started"),
        ("can't send messages to bots", "is_a_bot"),
    ),
    409: (("terminated by other getupdates", "other_reader"), ("webhook is active", "webhook_active")),
    413: (("", "document_too_large"),),
}
_OTHERWISE = {400: "bad_request", 403: "forbidden", 409: "conflict"}
_SUPPRESS = {"blocked": SuppressReason.OPTED_OUT, "deactivated": SuppressReason.UNREGISTERED}


class ChatMigrated(Refused):
    """The group became a supergroup and has another id for good; nothing was sent. Store `chat` and send there."""

    def __init__(self, operation: str, chat: str) -> None:
        self.chat = chat
        super().__init__(SERVICE, operation, "chat_migrated", f"the group is now the chat {chat}")


def telegram_failure(response: HttpResponse) -> IntegrationError:
    """Our error for an answer that is no success."""
    envelope = response.json_object()
    operation, told = response.operation, envelope.get("error_code")
    status = told if isinstance(told, int) else response.status
    text = str(envelope.get("description") or "")
    given = envelope.get("parameters")
    parameters: Mapping[str, Any] = given if isinstance(given, dict) else {}
    if status == 429:
        return RateLimited(SERVICE, operation, "http_429", text, retry_after=_wait(parameters, response))
    if status >= 500:
        return TemporaryFailure(SERVICE, operation, f"http_{status}", text, accepted_possible=True)
    if envelope.get("ok") is not False:
        return response.surprise()  # not Telegram: a proxy, or another server at the address
    if status in (401, 404):  # 404: the token has not even the form of one
        return AuthenticationFailed(SERVICE, operation, "unauthorized" if status == 401 else "not_found", text)
    if chat := parameters.get("migrate_to_chat_id"):
        return ChatMigrated(operation, str(chat))
    return _refused(operation, status, text)


def _refused(operation: str, status: int, text: str) -> IntegrationError:
    lower = text.lower()
    codes = (code for sentence, code in _SENTENCES.get(status, ()) if sentence in lower)
    code = next(codes, _OTHERWISE.get(status, f"http_{status}"))
    if code == "other_reader":
        return TemporaryFailure(SERVICE, operation, code, text, accepted_possible=False)
    return Refused(SERVICE, operation, code, text, suppress=_SUPPRESS.get(code))


def _wait(parameters: Mapping[str, Any], response: HttpResponse) -> float:
    seconds = parameters.get("retry_after")
    if isinstance(seconds, int | float) and seconds >= 0:
        return min(float(seconds), LONGEST_WAIT)
    return response.retry_after(DEFAULT_WAIT)
