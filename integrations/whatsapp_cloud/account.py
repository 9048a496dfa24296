"""What people and tasks ask of a WhatsApp Business account beside sending: templates, files, numbers, the portfolio's limit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from integrations.errors import UnexpectedResponse
from integrations.facts import ConnectionFacts
from integrations.json_calls import JsonCalls
from integrations.whatsapp_cloud.client import SERVICE, checked, graph_address

MOST_PAGES = 200
PAGE = 100

Component = Mapping[str, Any]  # one component of a template, as Meta writes it: {"type": "BODY", "text": "Olá {{1}}"}


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """One number of the account, as Meta rates it (GREEN, YELLOW, RED, UNKNOWN)."""

    id: str
    display: str
    quality: str


@dataclass(frozen=True, slots=True)
class Template:
    """A message template. Only an APPROVED one may be sent; the category decides the price."""

    id: str
    name: str
    language: str
    category: str
    status: str
    body: str = ""  # the text of the body with its variables


class WhatsAppCloudAccount:
    """One WhatsApp Business account. Safe to share between threads."""

    def __init__(self, connection: ConnectionFacts) -> None:
        self._account = quote(connection.setting("business_account_id"), safe="")
        self._calls = JsonCalls(
            connection,
            graph_address(connection),
            headers={"authorization": f"Bearer {connection.secret('access_token')}"},
            checked=checked,
        )

    def list_templates(self, *, page: int = PAGE) -> list[Template]:
        """All templates of the account, in every language and state, `page` in one request."""
        text = self._calls.text
        return [
            Template(
                id=text("list_templates", row, "id"),
                name=text("list_templates", row, "name"),
                language=text("list_templates", row, "language"),
                category=text("list_templates", row, "category"),
                status=text("list_templates", row, "status"),
                body=_body_of(row.get("components")),
            )
            for row in self._rows(
                "list_templates", "message_templates", "id,name,language,category,status,components", page
            )
        ]

    def create_template(self, name: str, language: str, category: str, components: Sequence[Component]) -> Template:
        """Hand a template in for approval. Its name and language must be new: repeating a lost request would be refused."""
        answer = self._calls.ask(
            "create_template",
            "POST",
            f"/{self._account}/message_templates",
            json={"name": name, "language": language, "category": category, "components": list(components)},
        )
        return Template(
            id=self._calls.text("create_template", answer, "id"),
            name=name,
            language=language,
            category=self._calls.text("create_template", answer, "category"),  # Meta may have chosen another
            status=self._calls.text("create_template", answer, "status"),
            body=_body_of(list(components)),
        )

    def upload_media(self, phone_number_id: str, content: bytes, mime_type: str, *, filename: str = "file") -> str:
        """The id under which messages of this number may send a file; Meta keeps it for 30 days."""
        boundary = uuid4().hex
        answer = self._calls.ask(
            "upload_media",
            "POST",
            f"/{quote(phone_number_id, safe='')}/media",
            content=_form(boundary, {"messaging_product": "whatsapp", "type": mime_type}, content, mime_type, filename),
            headers={"content-type": f"multipart/form-data; boundary={boundary}"},
        )
        return self._calls.text("upload_media", answer, "id")

    def list_phone_numbers(self) -> list[PhoneNumber]:
        """The account's numbers."""
        return self._numbers("list_phone_numbers")

    def look(self) -> list[PhoneNumber]:
        """The same, for the health check."""
        return self._numbers("health")

    def portfolio_limit(self, phone_number_id: str) -> str:
        """How many people the business portfolio of a number may write to first in 24 hours: TIER_250 … TIER_UNLIMITED."""
        field = "whatsapp_business_manager_messaging_limit"
        path = f"/{quote(phone_number_id, safe='')}"
        answer = self._calls.ask("portfolio_limit", "GET", path, query={"fields": field})
        return self._calls.text("portfolio_limit", answer, field)

    def close(self) -> None:
        """Close all connections."""
        self._calls.close()

    def _numbers(self, operation: str) -> list[PhoneNumber]:
        return [
            PhoneNumber(
                self._calls.text(operation, row, "id"),
                self._calls.text(operation, row, "display_phone_number"),
                str(row.get("quality_rating") or ""),
            )
            for row in self._rows(operation, "phone_numbers", "id,display_phone_number,quality_rating")
        ]

    def _rows(self, operation: str, edge: str, fields: str, page: int = PAGE) -> Iterator[dict[str, Any]]:
        """The rows of all pages of an edge. It ends where `paging.next` is missing, not at a short page."""
        after: dict[str, str] = {}
        for _page in range(MOST_PAGES):
            query = {"fields": fields, "limit": str(page), **after}
            answer = self._calls.ask(operation, "GET", f"/{self._account}/{edge}", query=query)
            yield from self._calls.rows(operation, answer, "data")
            paging = answer.get("paging")
            if not isinstance(paging, dict) or not paging.get("next"):
                return
            after = {"after": self._calls.text(operation, paging, "cursors", "after")}
        raise UnexpectedResponse(SERVICE, operation, "too_many_pages", "the list does not end")


def _body_of(components: object) -> str:
    rows = components if isinstance(components, list) else []
    return next(
        (
            str(row.get("text") or "")
            for row in rows
            if isinstance(row, Mapping) and str(row.get("type")).upper() == "BODY"
        ),
        "",
    )


def _form(boundary: str, fields: Mapping[str, str], content: bytes, mime_type: str, filename: str) -> bytes:
    """A multipart form with its fields and one file."""
    safe = "".join(each for each in filename if each.isprintable() and each not in '"\\')
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{safe}"\r\nContent-Type: {mime_type}\r\n\r\n'
    return b"".join([*parts, head.encode(), content, f"\r\n--{boundary}--\r\n".encode()])


def build(connection: ConnectionFacts) -> WhatsAppCloudAccount:
    """The account behind one connection. Raises `NotConfigured`."""
    return WhatsAppCloudAccount(connection)
