"""Messages to the team through Slack's own SDK (slack-sdk). Its retries are off: what may be repeated is decided in `calling`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from integrations.calling.calls import Calls
from integrations.errors import (
    AuthenticationFailed,
    IntegrationError,
    RateLimited,
    Refused,
    TemporaryFailure,
    UnexpectedResponse,
)
from integrations.facts import ConnectionFacts

SERVICE = "slack"
BASE_URL = "https://slack.com/api"
DEFAULT_WAIT = 30.0  # seconds, when a 429 names none
PAGE = 200
MOST_PAGES = 50

_ACCOUNT = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_authed",
        "token_expired",
        "token_revoked",
    }
    | {"ekm_access_denied", "team_access_not_granted"}
)
_LATER = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"})

Block = dict[str, Any]  # one block of Slack's Block Kit


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """Where a message stands; `ts` is its id within the channel, needed to change it."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that the app may see."""

    id: str
    name: str
    is_member: bool


class SlackClient:
    """One workspace, as its app's bot. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._token = connection.secret("bot_token")
        self._base_url = connection.setting("base_url", BASE_URL).rstrip("/") + "/"
        self._calls = Calls(connection, _translated)

    def post_message(
        self, channel: str, text: str, *, blocks: Sequence[Block] = (), thread_ts: str = ""
    ) -> PostedMessage:
        """Post to a channel or person id. `text` is also what notifications show. Slack drops no repetition: never repeated blindly."""
        answer = self._calls.run(
            "post_message",
            lambda seconds: self._sdk(seconds).chat_postMessage(
                channel=channel, text=text, blocks=list(blocks) or None, thread_ts=thread_ts or None
            ),
        )
        return PostedMessage(_text(answer, "post_message", "channel"), _text(answer, "post_message", "ts"))

    def update_message(self, message: PostedMessage, text: str, *, blocks: Sequence[Block] = ()) -> PostedMessage:
        """Replace a message, for example its buttons by who pressed them."""
        answer = self._calls.run(
            "update_message",
            lambda seconds: self._sdk(seconds).chat_update(
                channel=message.channel, ts=message.ts, text=text, blocks=list(blocks)
            ),
        )
        return PostedMessage(_text(answer, "update_message", "channel"), _text(answer, "update_message", "ts"))

    def find_user(self, email: str) -> str | None:
        """The id of the person with this address, or None when nobody in the workspace has it."""
        try:
            answer = self._calls.run("find_user", lambda seconds: self._sdk(seconds).users_lookupByEmail(email=email))
        except Refused as error:
            if error.code == "users_not_found":
                return None
            raise
        return _text(answer, "find_user", "user", "id")

    def open_direct_message(self, user: str) -> str:
        """The id of the conversation with one person; the same one each time."""
        answer = self._calls.run(
            "open_direct_message", lambda seconds: self._sdk(seconds).conversations_open(users=[user])
        )
        return _text(answer, "open_direct_message", "channel", "id")

    def list_channels(self) -> list[Channel]:
        """Every public and private channel that the app may see, archived ones left out."""
        return [
            Channel(
                _text(row, "list_channels", "id"), _text(row, "list_channels", "name"), row.get("is_member") is True
            )
            for row in self._channel_rows()
        ]

    def identity(self) -> str:
        """The workspace and bot that the token belongs to, as "workspace / bot"."""
        answer = self._calls.run("health", lambda seconds: self._sdk(seconds).auth_test())
        return f"{_text(answer, 'health', 'team')} / {_text(answer, 'health', 'user')}"

    def _channel_rows(self) -> Iterator[Mapping[str, Any]]:
        cursor = ""
        for _page in range(MOST_PAGES):
            answer = self._calls.run("list_channels", partial(self._channel_page, cursor))
            rows = answer.get("channels")
            if not isinstance(rows, list):
                raise _missing("list_channels", "channels")
            yield from rows
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return
        raise UnexpectedResponse(SERVICE, "list_channels", "too_many_pages", "the list of channels does not end")

    def _channel_page(self, cursor: str, seconds: float) -> Any:
        return self._sdk(seconds).conversations_list(
            types="public_channel,private_channel", exclude_archived=True, limit=PAGE, cursor=cursor or None
        )

    def _sdk(self, seconds: float) -> WebClient:
        """Slack's client takes whole seconds and one timeout for its life; making one costs 20 µs."""
        return WebClient(self._token, base_url=self._base_url, timeout=max(1, int(seconds)), retry_handlers=[])


def _text(answer: Any, operation: str, *path: str) -> str:
    """A text that the documentation promises. Raises `UnexpectedResponse`."""
    found = answer
    for name in path:
        found = found.get(name) if hasattr(found, "get") else None
    if not isinstance(found, str) or not found:
        raise _missing(operation, ".".join(path))
    return found


def _missing(operation: str, what: str) -> UnexpectedResponse:
    return UnexpectedResponse(SERVICE, operation, "field_missing", f"the answer has no {what}", accepted_possible=True)


def _translated(operation: str, error: Exception) -> IntegrationError | None:
    """Our error for slack-sdk's; None for what is no failure of Slack."""
    if isinstance(error, SlackApiError):
        response: Any = error.response
        status = int(response.status_code)
        code = str(response.get("error") or f"http_{status}") if hasattr(response, "get") else f"http_{status}"
        if status == 429 or code in ("ratelimited", "rate_limited"):
            headers = {str(name).lower(): value for name, value in (response.headers or {}).items()}
            return RateLimited(
                SERVICE, operation, code, "", retry_after=_seconds(headers.get("retry-after"), DEFAULT_WAIT)
            )
        if status >= 500 or code in _LATER:
            return TemporaryFailure(SERVICE, operation, code, "", accepted_possible=True)
        if code in _ACCOUNT or status in (401, 403):
            return AuthenticationFailed(SERVICE, operation, code, str(response.get("needed") or ""))
        if code.startswith("http_") or " " in code:  # the SDK puts its own sentence there when the body is not JSON
            return UnexpectedResponse(
                SERVICE, operation, "not_json", "the answer is not Slack's", accepted_possible=True
            )
        return Refused(SERVICE, operation, code)
    if isinstance(error, SlackClientError):
        return UnexpectedResponse(SERVICE, operation, "not_understood", type(error).__name__, accepted_possible=True)
    return None


def _seconds(value: object, default: float) -> float:
    try:
        return float(str(value[0] if isinstance(value, list) else value))
    except ValueError:
        return default


def build(connection: ConnectionFacts) -> SlackClient:
    """The client for one connection. Raises `NotConfigured`."""
    return SlackClient(connection)
