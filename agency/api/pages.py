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


def page_of(records: QuerySet[Any], query: PageQuery, keys: tuple[str, ...] = ("pk",)) -> tuple[list[Any], str]:
    """The rows of one page, descending by `keys` (an index must have them, and they must be unique), and the cursor of the next page.

    Raises `InvalidInput` for a cursor that is not ours.
    """
    if query.cursor:
        records = _after(records, query.cursor, keys)
    rows = list(records.order_by(*(f"-{key}" for key in keys))[: query.limit + 1])
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    return rows, signing.dumps([getattr(rows[-1], key) for key in keys], salt=SALT) if more else ""


def _after(records: QuerySet[Any], cursor: str, keys: tuple[str, ...]) -> QuerySet[Any]:
    """Rows below the cursor's: the first key bounds the index, the exclusion cuts what is equal in it."""
    try:
        values = [int(value) for value in signing.loads(cursor, salt=SALT)]
        pairs = dict(zip(keys, values, strict=True))
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise InvalidInput("bad_cursor", "This cursor is not one of ours.", field="query.cursor") from error
    *equal, last = keys
    return records.filter(**{f"{keys[0]}__lte": pairs[keys[0]]}).exclude(
        **{key: pairs[key] for key in equal}, **{f"{last}__gte": pairs[last]}
    )
