"""A bot at Telegram, over HTTP: python-telegram-bot is asynchronous only, and a task calls one method at a time.

The token is part of each path, and so of no error: `integrations.http` quotes no address.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson

from integrations.calling.calls import Calls
from integrations.errors import Refused, UnexpectedResponse
from integrations.events import ServiceEvent
from integrations.facts import ConnectionFacts
from integrations.http import HttpResponse, SyncHttpClient
from integrations.multipart import FilePart, multipart_form
from integrations.telegram.errors import SERVICE, telegram_failure
from integrations.telegram.webhook import update_events

BASE_URL = "https://api.telegram.org"
UPDATES = ("message", "callback_query")  # what we ask to be told
MOST_UPDATES = 100  # of one call; Telegram gives no more

Argument = str | int | bool | Sequence[Any] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SentMessage:
    """Where a message stands; `message` is its id within the chat, needed to change it."""

    chat: str
    message: int


@dataclass(frozen=True, slots=True)
class Button:
    """A button below a message: pressed, it reports `data` (1 to 64 bytes) or opens `url`. Each button stands on its own line."""

    text: str
    data: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A file to upload, of at most 50 MB."""

    filename: str
    content: bytes = field(repr=False)
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Chat:
    """A person, group or channel. `kind` is private, group, supergroup or channel."""

    id: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Updates:
    """What people did. The next call with `next_offset` tells Telegram to forget these."""

    events: tuple[ServiceEvent, ...]
    next_offset: int


class TelegramClient:
    """One bot. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._connection = connection
        self._path = f"/bot{quote(connection.secret('bot_token'), safe=':')}"
        self._calls = Calls(connection, lambda operation, error: None)
        self._http = SyncHttpClient(
            connection.setting("base_url", BASE_URL), service=SERVICE, timeout=self._calls.policy.timeout
        )

    def send_message(
        self, chat: str, text: str, *, buttons: Sequence[Button] = (), html: bool = False, silent: bool = False
    ) -> SentMessage:
        """Write 1 to 4096 characters to a chat id or @channel. Telegram drops no repetition: never repeated blindly.

        `html`: the text has Telegram's HTML, its other `<`, `>` and `&` escaped. Raises `ChatMigrated` with the chat's new id.
        """
        arguments: dict[str, Argument] = {"chat_id": chat, "text": text, "disable_notification": silent}
        arguments |= {"parse_mode": "HTML"} if html else {}
        arguments |= {"reply_markup": _keyboard(buttons)} if buttons else {}
        return _sent(self._run("send_message", "sendMessage", arguments), "send_message")

    def edit_message(
        self, message: SentMessage, text: str, *, buttons: Sequence[Button] = (), html: bool = False
    ) -> SentMessage:
        """Replace a message of the bot and its buttons; to what it already says is no error."""
        arguments: dict[str, Argument] = {"chat_id": message.chat, "message_id": message.message, "text": text}
        arguments |= {"parse_mode": "HTML"} if html else {}
        arguments |= {"reply_markup": _keyboard(buttons)}

        def attempt(seconds: float) -> Any:
            try:
                return self._asked("edit_message", "editMessageText", arguments, seconds)
            except Refused as error:
                if error.code != "not_modified":  # an attempt whose answer was lost has done it already
                    raise
                return {"message_id": message.message, "chat": {"id": message.chat}}

        return _sent(self._calls.run("edit_message", attempt), "edit_message")

    def send_document(self, chat: str, document: str | Document, *, caption: str = "") -> SentMessage:
        """Send a file that Telegram fetches from an address (up to 20 MB), or that is uploaded. `caption` has at most 1024 characters."""
        arguments: dict[str, Argument] = {"chat_id": chat}
        arguments |= {"caption": caption} if caption else {}
        if isinstance(document, str):
            found = self._run("send_document", "sendDocument", {**arguments, "document": document})
        else:
            file = FilePart("document", document.filename, document.content, document.content_type)
            found = self._run("send_document", "sendDocument", arguments, file)
        return _sent(found, "send_document")

    def set_webhook(self, url: str) -> None:
        """Tell Telegram where to report what people do; an empty address ends it. What waited is delivered there."""
        arguments: dict[str, Argument] = {"url": url, "allowed_updates": UPDATES}
        arguments |= {"secret_token": self._connection.secret("webhook_secret")} if url else {}
        if self._run("set_webhook", "setWebhook", arguments) is not True:
            raise _missing("set_webhook", "result")

    def get_updates(self, offset: int = 0) -> Updates:
        """What people did since `offset`, where no webhook is set. Raises `Refused` with the code webhook_active."""
        arguments: dict[str, Argument] = {"offset": offset, "limit": MOST_UPDATES, "allowed_updates": UPDATES}
        rows = self._run("get_updates", "getUpdates", arguments)
        if not isinstance(rows, list):
            raise _missing("get_updates", "result")
        ids = [_number(row, "get_updates", "update_id") for row in rows]
        events = tuple(event for row in rows for event in update_events(row))
        return Updates(events, max(ids) + 1 if ids else offset)

    def get_chat(self, chat: str) -> Chat:
        """A person who has started the bot, or a group or channel it is in."""
        found = self._run("get_chat", "getChat", {"chat_id": chat})
        names = [_optional(found, name) for name in ("title", "first_name", "last_name")]
        return Chat(
            str(_number(found, "get_chat", "id")), _text(found, "get_chat", "type"), " ".join(filter(None, names))
        )

    def identity(self) -> str:
        """The bot that the token belongs to, as "@name"."""
        return f"@{_text(self._run('health', 'getMe', {}), 'health', 'username')}"

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _run(self, operation: str, method: str, arguments: Mapping[str, Argument], file: FilePart | None = None) -> Any:
        return self._calls.run(operation, lambda seconds: self._asked(operation, method, arguments, seconds, file))

    def _asked(
        self,
        operation: str,
        method: str,
        arguments: Mapping[str, Argument],
        seconds: float,
        file: FilePart | None = None,
    ) -> Any:
        path = f"{self._path}/{method}"
        if file is None:
            answer = self._http.request("POST", path, operation=operation, json=arguments, seconds=seconds)
        else:
            body, kind = multipart_form({name: _form_value(value) for name, value in arguments.items()}, [file])
            headers = {"content-type": kind}
            answer = self._http.request(
                "POST", path, operation=operation, content=body, headers=headers, seconds=seconds
            )
        return _result(answer)


def _result(response: HttpResponse) -> Any:
    """What a success brings. Raises what Telegram's documentation makes of everything else."""
    if not response.ok:
        raise telegram_failure(response)
    envelope = response.json()
    if not isinstance(envelope, dict) or envelope.get("ok") is not True:
        raise response.surprise("the answer does not say ok")
    if "result" not in envelope:
        raise _missing(response.operation, "result")
    return envelope["result"]


def _keyboard(buttons: Sequence[Button]) -> dict[str, Any]:
    rows = [
        [{"text": each.text, "url": each.url} if each.url else {"text": each.text, "callback_data": each.data}]
        for each in buttons
    ]
    return {"inline_keyboard": rows}


def _form_value(value: Argument) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _sent(found: Any, operation: str) -> SentMessage:
    chat = found.get("chat") if isinstance(found, dict) else None
    number = chat.get("id") if isinstance(chat, dict) else None
    if not isinstance(number, int | str) or number == "":
        raise _missing(operation, "chat.id")
    return SentMessage(str(number), _number(found, operation, "message_id"))


def _number(found: Any, operation: str, name: str) -> int:
    """A whole number that the documentation promises. Raises `UnexpectedResponse`."""
    value = found.get(name) if isinstance(found, dict) else None
    if not isinstance(value, int) or isinstance(value, bool):
        raise _missing(operation, name)
    return value


def _text(found: Any, operation: str, name: str) -> str:
    """A text that the documentation promises. Raises `UnexpectedResponse`."""
    value = _optional(found, name)
    if not value:
        raise _missing(operation, name)
    return value


def _optional(found: Any, name: str) -> str:
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""


def _missing(operation: str, what: str) -> UnexpectedResponse:
    return UnexpectedResponse(SERVICE, operation, "field_missing", f"the answer has no {what}", accepted_possible=True)


def build(connection: ConnectionFacts) -> TelegramClient:
    """The client for one connection. Raises `NotConfigured`."""
    return TelegramClient(connection)
