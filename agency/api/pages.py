"""Pages of the API: by key, never by offset; the cursor is opaque and signed."""

from typing import Annotated, Any, Generic, TypeVar

from django.core import signing
from django.db.models import QuerySet
from ninja import Field, Schema
from pydantic import StringConstraints

from agency.kit.errors import InvalidInput

ItemT = TypeVar("ItemT")
SALT = "agency.api.cursor"


class PageQuery(Schema):
    """How much of a list is wanted, and from where."""

    limit: int = Field(50, ge=1, le=200, description="Items on one page")
    cursor: Annotated[str, StringConstraints(max_length=200)] = Field(
        "", description="`next_cursor` of the page before"
    )


class Page(Schema, Generic[ItemT]):
    """Newest first. `next_cursor` is empty on the last page."""

    items: list[ItemT]
    next_cursor: str


def page_of(records: QuerySet[Any], query: PageQuery) -> tuple[list[Any], str]:
    """The rows of one page and the cursor of the next. Raises `InvalidInput` for a cursor that is not ours."""
    if query.cursor:
        try:
            after = int(signing.loads(query.cursor, salt=SALT))
        except (signing.BadSignature, ValueError, TypeError) as error:
            raise InvalidInput("bad_cursor", "This cursor is not one of ours.", field="query.cursor") from error
        records = records.filter(pk__lt=after)
    rows = list(records.order_by("-pk")[: query.limit + 1])
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    return rows, signing.dumps(rows[-1].pk, salt=SALT) if more else ""
