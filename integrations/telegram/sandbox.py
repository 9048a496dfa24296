"""Telegram, imitated: its Bot API as far as the client uses it, and updates by webhook or on request. Mounted at `/telegram`."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from integrations.sandbox.imitation import ControlRefused, Imitation, known_fields
from integrations.sandbox.multipart import Part
from integrations.sandbox.routes import Routes
from integrations.sandbox.wire import BadBody, Request, Response, json_response
from integrations.sandbox.world import World

MAX_TEXT, MAX_CAPTION, MAX_BUTTON_DATA = 4096, 1024, 64
PAGE = 100
# Code (ours, see errors.py of this folder) → HTTP status, and what Telegram says.
ERRORS: Mapping[str, tuple[int, str]] = {
    "bad_request": (400, "Bad Request: PEER_ID_INVALID"),
    "blocked": (403, "Forbidden: bot was blocked by the user"),
    "button_invalid": (400, "Bad Request: BUTTON_DATA_INVALID"),
    "caption_too_long": (400, "Bad Request: message caption is too long"),
    "chat_migrated": (400, "Bad Request: group chat was upgraded to a supergroup chat"),
    "chat_not_found": (400, "Bad Request: chat not found"),
    "deactivated": (403, "Forbidden: user is deactivated"),
    "document_too_large": (413, "Request Entity Too Large"),
    "document_unreachable": (400, "Bad Request: failed to get HTTP URL content"),
    "formatting_invalid": (400, 'Bad Request: can\'t parse entities: Unsupported start tag "x" at byte offset 0'),
    "internal": (500, "Internal Server Error"),
    "kicked": (403, "Forbidden: bot was kicked from the supergroup chat"),
    "message_fixed": (400, "Bad Request: message can't be edited"),
    "message_not_found": (400, "Bad Request: message to edit not found"),
    "never_started": (403, "Forbidden: bot can't initiate conversation with a user"),
    "no_rights": (400, "Bad Request: not enough rights to send text messages to the chat"),
    "not_found": (404, "Not Found"),
    "not_modified": (
        400,
        "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current "
        "content and reply markup of the message",
    ),
    "other_reader": (
        409,
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
    ),
    "text_empty": (400, "Bad Request: message text is empty"),
    "text_too_long": (400, "Bad Request: message is too long"),
    "too_many": (429, "Too Many Requests: retry after 7"),
    "unauthorized": (401, "Unauthorized"),
    "webhook_active": (
        409,
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    ),
    "webhook_invalid": (400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"),
}
NEW_CHAT = -1001000000002
CHATS: Mapping[str, dict[str, Any]] = {
    "1111111": {"id": 1111111, "type": "private", "first_name": "Ana", "last_name": "Souza", "username": "ana"},
    "-1001000000001": {"id": -1001000000001, "type": "supergroup", "title": "Equipe"},
    str(NEW_CHAT): {"id": NEW_CHAT, "type": "supergroup", "title": "Cliente"},
}
REFUSING = {"2222222": "blocked", "3333333": "never_started", "-2000000": "chat_migrated"}


@dataclass(slots=True)
class Bot:
    """One bot. A webhook that a client sets goes before the one given here."""

    name: str = "sandbox"
    bot_token: str = "100000001:sandbox-bot-token"  # noqa: S105 -- guards nothing
    username: str = "batuta_sandbox_bot"
    webhook_url: str = ""
    webhook_secret: str = "sandbox-webhook-secret"  # noqa: S105 -- guards nothing


class TelegramSandbox(Imitation):
    """The service."""

    slug = "telegram"
    title = "Telegram"
    routes = Routes(
        ("POST", "/bot{token}/sendMessage", "send_message"),
        ("POST", "/bot{token}/sendDocument", "send_document"),
        ("POST", "/bot{token}/editMessageText", "edit_message"),
        ("POST", "/bot{token}/setWebhook", "set_webhook"),
        ("POST", "/bot{token}/getUpdates", "get_updates"),
        ("POST", "/bot{token}/getChat", "get_chat"),
        ("POST", "/bot{token}/getMe", "health"),
        ("GET", "/bot{token}/getMe", "health"),
    )
    sends_webhooks = True
    events = ("message", "button")

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._bots: dict[str, Bot] = {}
        self._messages: dict[tuple[str, int], dict[str, Any]] = {}
        self._webhooks: dict[str, tuple[str, str]] = {}  # by bot: address and secret, as a client has set them
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._last_update = 10_000
        self.open_account({})

    def answer(self, operation: str, arguments: tuple[str, ...], request: Request) -> Response:
        """See Imitation."""
        if not arguments[0].partition(":")[0].isdigit():
            return self.refusal("not_found")
        bot = next((each for each in self._bots.values() if each.bot_token == arguments[0]), None)
        if bot is None:
            return self.refusal("unauthorized")
        try:
            given, file = _fields(request)
        except BadBody:
            return self.refusal("bad_request")
        match operation:
            case "health":
                return _ok(_person(bot))
            case "get_chat":
                return _ok(CHATS[given["chat_id"]]) if given.get("chat_id") in CHATS else self.refusal("chat_not_found")
            case "get_updates":
                return self._updates(bot, given)
            case "set_webhook":
                return self._set_webhook(bot, given, request)
            case "edit_message":
                return self._edit(bot, given, request)
            case "send_document":
                return self._send(bot, operation, given, request, file)
        return self._send(bot, operation, given, request)

    def _send(
        self, bot: Bot, operation: str, given: Mapping[str, str], request: Request, file: Part | None = None
    ) -> Response:
        chat = given.get("chat_id", "")
        if wrong := REFUSING.get(chat) or ("" if chat in CHATS else "chat_not_found"):
            return self.refusal(wrong)
        if wrong := _wrong(operation, given, file):
            return self.refusal(wrong)
        number = len(self._messages) + 1
        message = {
            "message_id": number,
            "from": _person(bot),
            "chat": CHATS[chat],
            "date": int(time.time()),
            **_content(operation, given, file, number),
        }
        self.world.record_write(
            self,
            account=bot.name,
            operation=operation,
            reference=chat,
            body=request.body,
            provider_id=f"{chat}/{number}",
        )
        self._messages[chat, number] = message
        return _ok(message)

    def _edit(self, bot: Bot, given: Mapping[str, str], request: Request) -> Response:
        chat, number = given.get("chat_id", ""), given.get("message_id", "")
        message = self._messages.get((chat, int(number))) if number.isdigit() else None
        if message is None:
            return self.refusal("message_not_found")
        if wrong := _wrong("send_message", given, None):
            return self.refusal(wrong)
        content = _content("send_message", given, None, 0)
        if {name: message.get(name) for name in ("text", "reply_markup")} == {"reply_markup": None, **content}:
            return self.refusal("not_modified")
        self.world.record_write(
            self,
            account=bot.name,
            operation="edit_message",
            reference=chat,
            body=request.body,
            provider_id=f"{chat}/{number}",
        )
        message.pop("reply_markup", None)
        message |= {**content, "edit_date": int(time.time())}
        return _ok(message)

    def _set_webhook(self, bot: Bot, given: Mapping[str, str], request: Request) -> Response:
        url, secret = given.get("url", ""), given.get("secret_token", "")
        allowed = all(each.isascii() and (each.isalnum() or each in "_-") for each in secret)
        if (url and not url.startswith("https://")) or len(secret) > 256 or not allowed:
            return self.refusal("webhook_invalid")
        self.world.record_write(self, account=bot.name, operation="set_webhook", reference=url, body=request.body)
        self._webhooks[bot.name] = (url, secret)
        for update in self._waiting.pop(bot.name, []) if url else []:
            self._deliver(bot, update)
        return json_response(200, {"ok": True, "result": True, "description": "Webhook was set"})

    def _updates(self, bot: Bot, given: Mapping[str, str]) -> Response:
        if self._webhook(bot)[0]:
            return self.refusal("webhook_active")
        offset, limit = int(given.get("offset", "0")), min(PAGE, int(given.get("limit", str(PAGE))))
        waiting = [each for each in self._waiting.get(bot.name, []) if each["update_id"] >= offset]
        self._waiting[bot.name] = waiting
        return _ok(waiting[:limit])

    def _webhook(self, bot: Bot) -> tuple[str, str]:
        return self._webhooks.get(bot.name, (bot.webhook_url, bot.webhook_secret))

    def _deliver(self, bot: Bot, update: dict[str, Any]) -> bool:
        url, secret = self._webhook(bot)
        headers = {"x-telegram-bot-api-secret-token": secret} if secret else {}
        return self.send_webhook(url, orjson.dumps(update), lambda body: headers, sender=bot.bot_token)

    def unknown_route(self, request: Request) -> Response:
        """See Imitation."""
        return self.refusal("not_found")

    def rate_limited(self, retry_after: float) -> Response:
        """Telegram names the seconds in the body."""
        seconds = max(1, round(retry_after))
        return json_response(
            429,
            {
                "ok": False,
                "error_code": 429,
                "description": f"Too Many Requests: retry after {seconds}",
                "parameters": {"retry_after": seconds},
            },
        )

    def rate_limited_silently(self) -> Response:
        """See Imitation."""
        return json_response(429, {"ok": False, "error_code": 429, "description": "Too Many Requests"})

    def broken(self) -> Response:
        """See Imitation."""
        return self.refusal("internal")

    def refusal(self, code: str) -> Response:
        """See Imitation."""
        if code == "too_many":
            return self.rate_limited(7)
        status, description = ERRORS[code]
        content: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
        if code == "chat_migrated":
            content["parameters"] = {"migrate_to_chat_id": NEW_CHAT}
        return json_response(status, content)

    def codes(self) -> Collection[str]:
        """See Imitation."""
        return ERRORS

    def expired_token(self, operation: str) -> Response | None:
        """A token that BotFather has revoked."""
        return self.refusal("unauthorized")

    def open_account(self, given: dict[str, Any]) -> dict[str, Any]:
        """See Imitation."""
        bot = Bot(**known_fields(Bot, given))
        self._bots[bot.name] = bot
        return asdict(bot)

    def accounts(self) -> list[dict[str, Any]]:
        """See Imitation."""
        return [asdict(bot) for bot in self._bots.values()]

    def clear(self) -> None:
        """See Imitation."""
        self._messages.clear()
        self._webhooks.clear()
        self._waiting.clear()

    def happen(self, event: str, facts: dict[str, Any]) -> dict[str, Any]:
        """Ana writes `text` or presses the button with `data` below `message`, in `chat`; told by webhook, or kept for getUpdates."""
        bot = self._bots.get(str(facts.get("bot", "sandbox")))
        chat = CHATS.get(str(facts.get("chat", "1111111")))
        if bot is None or chat is None:
            raise ControlRefused("there is no such bot or chat")
        ana = {"id": 1111111, "is_bot": False, "first_name": "Ana", "username": "ana"}
        number = int(facts.get("message", 1))
        message = {"message_id": number, "chat": chat, "date": int(time.time())}
        self._last_update += 1
        update: dict[str, Any] = {"update_id": self._last_update}
        if event == "message":
            update["message"] = {**message, "from": ana, "text": str(facts.get("text", "/start"))}
        else:
            data = str(facts.get("data", "acknowledge"))
            update["callback_query"] = {
                "id": str(self._last_update),
                "from": ana,
                "message": message,
                "chat_instance": "1",
                "data": data,
            }
        if self._webhook(bot)[0]:
            return {"update_id": self._last_update, "sent": self._deliver(bot, update)}
        self._waiting.setdefault(bot.name, []).append(update)
        return {"update_id": self._last_update, "sent": False}


def _fields(request: Request) -> tuple[dict[str, str], Part | None]:
    """The arguments of a method, from the query, a form or JSON, and the file of an upload. Raises BadBody."""
    given = dict(request.query)
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/"):
        parts = request.parts()
        given |= {part.name: part.text for part in parts if not part.filename}
        return given, next((part for part in parts if part.filename), None)
    if not kind.startswith("application/json"):
        return given | dict(request.form()), None
    content = request.json()
    if not isinstance(content, dict):
        raise BadBody("not an object")
    return given | {
        name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in content.items()
    }, None


def _wrong(operation: str, given: Mapping[str, str], file: Part | None) -> str:
    """What Telegram has against a message."""
    if operation == "send_document":
        if file is None and not given.get("document", "").startswith(("https://", "http://")):
            return "document_unreachable"
        return "caption_too_long" if len(given.get("caption", "")) > MAX_CAPTION else ""
    if not given.get("text"):
        return "text_empty"
    if len(given["text"]) > MAX_TEXT:
        return "text_too_long"
    rows = orjson.loads(given.get("reply_markup") or "{}").get("inline_keyboard", [])
    for button in (button for row in rows for button in row):
        if not button.get("url") and not 1 <= len(button.get("callback_data", "").encode()) <= MAX_BUTTON_DATA:
            return "button_invalid"
    return ""


def _content(operation: str, given: Mapping[str, str], file: Part | None, number: int) -> dict[str, Any]:
    if operation == "send_document":
        name = file.filename if file else given["document"].rpartition("/")[2]
        document: dict[str, Any] = {"file_id": f"BQAC{number}", "file_unique_id": f"Ag{number}", "file_name": name}
        document |= {"mime_type": file.content_type, "file_size": len(file.body)} if file else {}
        return {"document": document} | ({"caption": given["caption"]} if given.get("caption") else {})
    markup = orjson.loads(given.get("reply_markup") or "{}")
    return {"text": given["text"]} | ({"reply_markup": markup} if markup.get("inline_keyboard") else {})


def _person(bot: Bot) -> dict[str, Any]:
    number = int(bot.bot_token.partition(":")[0])
    return {"id": number, "is_bot": True, "first_name": "Batuta", "username": bot.username}


def _ok(result: Any) -> Response:
    return json_response(200, {"ok": True, "result": result})


IMITATIONS = (TelegramSandbox,)
