"""A list of the admin as a file: what it shows now, in its order and columns, as plain text."""

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Any

from django.contrib.admin.utils import label_for_field, lookup_field
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.formats import number_format
from django.utils.html import strip_tags
from django.utils.translation import gettext as _

from agency.admin.lists import RecordList
from agency.kit.spreadsheets import BYTE_ORDER_MARK, csv_lines

MOST_ROWS = (
    100_000  # of a file, where its list does not say otherwise; and of any file in an order of the reader's choice
)
PIECE = 1_000  # records read and sent at a time
NOT_NARROWING = ("p", "o", "e", "id__lt")  # parameters of a list's address that choose a page or an order
_NOTHING = ("–", "-")  # how lists draw an empty cell


def list_file(shown: RecordList, request: HttpRequest, columns: Sequence[str], most: int) -> Iterator[str]:
    """The records that `shown` lists as lines of CSV, piece by piece in constant memory, masked as the list is.

    Nothing is counted. After `most` rows (fewer in a chosen order) the last line says that there are more. The language and the time zone are
    those of the caller, whenever the pieces are asked for.
    """
    return _in_the_callers_words(
        _pieces(shown, request, columns, most), str(translation.get_language()), timezone.get_current_timezone()
    )


def _in_the_callers_words(pieces: Iterator[str], language: str, zone: dt.tzinfo) -> Iterator[str]:
    while True:
        with translation.override(language), timezone.override(zone):
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece


def _pieces(shown: RecordList, request: HttpRequest, columns: Sequence[str], most: int) -> Iterator[str]:
    admin = shown.model_admin
    yield BYTE_ORDER_MARK + csv_lines([[str(label_for_field(name, shown.model, admin)) for name in columns]])
    if not shown.by_key():
        most = min(most, MOST_ROWS)
    written = 0
    for found in _newest_first(shown.queryset) if shown.by_key() else _in_order(shown.queryset, most):
        records = [admin.mask(request, record) for record in found[: most - written]]
        shown.complete(records)
        written += len(records)
        yield csv_lines([[_cell(name, record, admin) for name in columns] for record in records])
        if len(records) < len(found):
            number = number_format(written, force_grouping=True)
            said = _("Only the first %(number)s records are here. Narrow the list to get the others.")
            yield csv_lines([[said % {"number": number}]])
            return


def _newest_first(listed: models.QuerySet[Any]) -> Iterator[list[Any]]:
    """By key, so that the last piece costs what the first did."""
    following = listed.order_by("-pk")
    while records := list(following[:PIECE]):
        yield records
        following = listed.filter(pk__lt=records[-1].pk).order_by("-pk")


def _in_order(listed: models.QuerySet[Any], most: int) -> Iterator[list[Any]]:
    """In an order that may have ties and empty values: its keys first, of `most` records and the one after, then the records by key."""
    keys = list(listed.values_list("pk", flat=True)[: most + 1])
    for start in range(0, len(keys), PIECE):
        piece = keys[start : start + PIECE]
        found = {record.pk: record for record in listed.filter(pk__in=piece).order_by()}
        yield [found[key] for key in piece if key in found]


def _cell(name: str, record: models.Model, admin: Any) -> str:
    """What the list shows of a column, without markup; numbers and times as a spreadsheet computes with them."""
    try:
        field, attribute, value = lookup_field(name, record, admin)
    except ObjectDoesNotExist:
        return ""
    if field is None:
        # A coloured label is a key with its words.
        labelled = getattr(attribute, "label", None) and isinstance(value, tuple)
        return _plain(value[1] if labelled else value)
    if field.remote_field is not None:
        return _plain(getattr(record, field.name))
    return _plain(dict(field.flatchoices).get(value, value) if getattr(field, "flatchoices", None) else value)


def _plain(value: Any) -> str:
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dt.datetime):
        return f"{timezone.localtime(value) if timezone.is_aware(value) else value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    text = unescape(strip_tags(str(value))) if hasattr(value, "__html__") else str(value)
    return "" if text in _NOTHING else text
