"""What people and tasks ask of an SES account beside sending single messages, through boto3 with its retries off."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from operator import methodcaller
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from integrations.amazon_ses.client import REGION, SERVICE, api_address, email_content, email_tags, ses_failure
from integrations.calling.calls import Calls
from integrations.capabilities.messages import Accepted, OutboundMessage
from integrations.errors import IntegrationError, Refused, UnexpectedResponse
from integrations.facts import ConnectionFacts

MOST_IN_BULK = 50
PAGE = 100
MOST_PAGES = 200
CONNECT_TIMEOUT = 10.0  # seconds

Row = Mapping[str, Any]

_session_lock = threading.Lock()  # a session may make one client at a time


@cache
def _session() -> Any:
    """boto3's session of this process: reading the description of SES takes it a third of a second, once."""
    return boto3.session.Session()


@dataclass(frozen=True, slots=True)
class AccountQuota:
    """What the account may send, and what it has. `enforcement` is HEALTHY, PROBATION or SHUTDOWN."""

    in_24_hours: float  # -1 = without limit
    a_second: float
    sent_last_24_hours: float
    is_sending_enabled: bool
    is_in_production: bool  # not in Amazon's own sandbox, where only verified people may be written to
    enforcement: str


@dataclass(frozen=True, slots=True)
class Identity:
    """A domain or an address of ours; only a verified one may send."""

    name: str
    kind: str  # DOMAIN, EMAIL_ADDRESS or MANAGED_DOMAIN
    is_sending_enabled: bool
    verification: str  # SUCCESS, PENDING, FAILED …


@dataclass(frozen=True, slots=True)
class SuppressedAddress:
    """An address that SES itself does not write to any more, because of a BOUNCE or a COMPLAINT."""

    address: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of one message of a bulk: its acceptance, or SES's status and words."""

    accepted: Accepted | None
    status: str
    error: str = ""


class AmazonSesAccount:
    """One account in one region. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._configuration_set = connection.setting("configuration_set")
        self._calls = Calls(connection, _translated)
        self._arguments = {
            "endpoint_url": api_address(connection),
            "region_name": connection.setting("region", REGION),
            "aws_access_key_id": connection.setting("access_key_id"),
            "aws_secret_access_key": connection.secret("secret_access_key"),
        }
        self._clients: dict[int, Any] = {}
        self._lock = threading.Lock()

    def send_bulk(self, messages: Sequence[OutboundMessage]) -> list[BulkResult]:
        """Send up to fifty e-mails with the same sender, subject, bodies and unsubscribe address in one request.

        SES drops no repetition: after an unknown outcome the events of each message tell.
        """
        if not 1 <= len(messages) <= MOST_IN_BULK:
            raise Refused(SERVICE, "send_bulk", "batch_size", f"a bulk holds 1 to {MOST_IN_BULK} e-mails")
        first = messages[0]
        content = email_content(first)["Simple"]
        if any(each.sender != first.sender or email_content(each)["Simple"] != content for each in messages):
            raise Refused(SERVICE, "send_bulk", "different_contents", "a bulk is one e-mail to many people")
        template = {
            "TemplateContent": {
                "Subject": _literal(content["Subject"]["Data"]),
                **{kind: _literal(part["Data"]) for kind, part in content["Body"].items()},
            },
            "TemplateData": "{}",
            **({"Headers": content["Headers"]} if "Headers" in content else {}),
        }
        answer = self._run(
            "send_bulk",
            lambda ses: ses.send_bulk_email(
                FromEmailAddress=first.sender,
                ConfigurationSetName=self._configuration_set,
                DefaultContent={"Template": template},
                BulkEmailEntries=[
                    {"Destination": {"ToAddresses": [each.to]}, "ReplacementTags": email_tags(each)}
                    for each in messages
                ],
            ),
            used=lambda found: {"e-mail": sum(row.get("Status") == "SUCCESS" for row in _bulk_rows(found))},
        )
        rows = _rows("send_bulk", answer, "BulkEmailEntryResults")
        if len(rows) != len(messages):
            raise _missing("send_bulk", f"result for each of {len(messages)} e-mails")
        return [_bulk_result(row) for row in rows]

    def account_quota(self) -> AccountQuota:
        """What the account may send, and whether Amazon lets it."""
        return self._quota("account_quota")

    def look(self) -> AccountQuota:
        """The same, for the health check."""
        return self._quota("health")

    def list_identities(self, *, page: int = PAGE) -> list[Identity]:
        """Our domains and addresses, `page` in one request."""
        return [
            Identity(
                _text("list_identities", row, "IdentityName"),
                _text("list_identities", row, "IdentityType"),
                _truth("list_identities", row, "SendingEnabled"),
                _text("list_identities", row, "VerificationStatus"),
            )
            for row in self._pages("list_identities", "list_email_identities", "EmailIdentities", page)
        ]

    def get_identity(self, name: str) -> Identity:
        """One domain or address. Raises `Refused` (NotFoundException) when it is not ours."""
        row = self._run("get_identity", lambda ses: ses.get_email_identity(EmailIdentity=name))
        return Identity(
            name,
            _text("get_identity", row, "IdentityType"),
            _truth("get_identity", row, "VerifiedForSendingStatus"),
            _text("get_identity", row, "VerificationStatus"),
        )

    def list_suppressed(self, *, since: datetime | None = None, page: int = PAGE) -> list[SuppressedAddress]:
        """The account's suppression list, perhaps since an aware time only."""
        narrowed = {"StartDate": since} if since is not None else {}
        found = []
        for row in self._pages(
            "list_suppressed", "list_suppressed_destinations", "SuppressedDestinationSummaries", page, **narrowed
        ):
            at = row.get("LastUpdateTime")
            if not isinstance(at, datetime):
                raise _missing("list_suppressed", "LastUpdateTime")
            address, reason = (_text("list_suppressed", row, name) for name in ("EmailAddress", "Reason"))
            found.append(SuppressedAddress(address, reason, at.astimezone(UTC)))
        return found

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for each in self._clients.values():
                each.close()
            self._clients.clear()

    def _quota(self, operation: str) -> AccountQuota:
        answer = self._run(operation, lambda ses: ses.get_account())
        quota = answer.get("SendQuota")
        if not isinstance(quota, Mapping):
            raise _missing(operation, "SendQuota")
        most, rate, sent = (
            _number(operation, quota, name) for name in ("Max24HourSend", "MaxSendRate", "SentLast24Hours")
        )
        return AccountQuota(
            in_24_hours=most,
            a_second=rate,
            sent_last_24_hours=sent,
            is_sending_enabled=_truth(operation, answer, "SendingEnabled"),
            is_in_production=_truth(operation, answer, "ProductionAccessEnabled"),
            enforcement=_text(operation, answer, "EnforcementStatus"),
        )

    def _pages(self, operation: str, method: str, name: str, size: int, **narrowed: Any) -> Iterator[Row]:
        """The rows of all pages, one call a page."""
        following: dict[str, str] = {}
        for _page in range(MOST_PAGES):
            answer = self._run(operation, methodcaller(method, PageSize=size, **narrowed, **following))
            yield from _rows(operation, answer, name)
            if not answer.get("NextToken"):
                return
            following = {"NextToken": str(answer["NextToken"])}
        raise UnexpectedResponse(SERVICE, operation, "too_many_pages", "the list does not end")

    def _run(
        self,
        operation: str,
        ask: Callable[[Any], Any],
        *,
        used: Callable[[Any], Mapping[str, int]] | None = None,
    ) -> Any:
        return self._calls.run(operation, lambda seconds: ask(self._ses(seconds)), used=used)

    def _ses(self, seconds: float) -> Any:
        """boto3's client, whose timeouts hold for its life: one for each number of whole seconds that was asked for."""
        whole = max(1, int(seconds))
        with self._lock:
            if whole not in self._clients:
                config = Config(
                    connect_timeout=min(CONNECT_TIMEOUT, whole),
                    read_timeout=whole,
                    retries={"total_max_attempts": 1, "mode": "standard"},
                    proxies={},
                )
                with _session_lock:
                    self._clients[whole] = _session().client("sesv2", config=config, **self._arguments)
            return self._clients[whole]


def _literal(text: str) -> str:
    """A text for SES's templates, which replace what stands in {{ }}: an own pair of braces is kept apart by a zero-width space."""
    return text.replace("{{", "{\u200b{")


def _bulk_rows(answer: Row) -> list[Row]:
    rows = answer.get("BulkEmailEntryResults")
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _bulk_result(row: Row) -> BulkResult:
    status = _text("send_bulk", row, "Status")
    accepted = Accepted(_text("send_bulk", row, "MessageId")) if status == "SUCCESS" else None
    return BulkResult(accepted, status, str(row.get("Error") or ""))


def _rows(operation: str, answer: Row, name: str) -> list[Row]:
    found = answer.get(name)
    if not isinstance(found, list):
        raise _missing(operation, name)
    return found


def _text(operation: str, row: Row, name: str) -> str:
    found = row.get(name)
    if not isinstance(found, str) or not found:
        raise _missing(operation, name)
    return found


def _truth(operation: str, row: Row, name: str) -> bool:
    found = row.get(name)
    if not isinstance(found, bool):
        raise _missing(operation, name)
    return found


def _number(operation: str, row: Row, name: str) -> float:
    found = row.get(name)
    if not isinstance(found, int | float) or isinstance(found, bool):
        raise _missing(operation, name)
    return float(found)


def _missing(operation: str, what: str) -> UnexpectedResponse:
    return UnexpectedResponse(SERVICE, operation, "field_missing", f"the answer has no {what}", accepted_possible=True)


def _translated(operation: str, error: Exception) -> IntegrationError | None:
    """Our error for boto3's; None for what the network did, and for what is no failure of Amazon."""
    if isinstance(error, ClientError):
        response: Any = error.response
        about = response.get("ResponseMetadata", {})
        status = int(about.get("HTTPStatusCode") or 0)
        code = str(response.get("Error", {}).get("Code") or "")
        name = "" if code.isdigit() else code  # boto3 puts the status where the answer names no error
        text = str(response.get("Error", {}).get("Message") or "")
        return ses_failure(operation, status, name, text, about.get("HTTPHeaders") or {}) or UnexpectedResponse(
            SERVICE, operation, f"http_{status}", text, accepted_possible=status < 300 or status >= 500
        )
    if isinstance(error, BotoCoreError) and type(error).__name__ in ("ResponseParserError", "UnknownServiceError"):
        return UnexpectedResponse(SERVICE, operation, "not_json", "the answer is not Amazon's", accepted_possible=True)
    return None


def build(connection: ConnectionFacts) -> AmazonSesAccount:
    """The account behind one connection. Raises `NotConfigured`."""
    return AmazonSesAccount(connection)
