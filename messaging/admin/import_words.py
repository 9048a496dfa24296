"""How an import reads: what columns can become, what came of the rows, how long it still takes."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from agency.admin.words import Tone, number
from messaging.imports.looking import FileLook, LookedRow
from messaging.imports.normalising import CONSENT_COLUMNS
from messaging.models import ContactImport
from messaging.rules.attributes import AttributeKind, attribute_key
from messaging.rules.columns import MAX_COLUMNS, ColumnField, mapping_of
from messaging.states import ConsentState, ImportState, RejectReason

Words = str | Promise
ATTRIBUTE = "attribute:"
SLOW_START = dt.timedelta(seconds=15)  # a waiting import that nobody has taken up by then needs a word

FIELD_WORDS: Mapping[ColumnField, Words] = {
    ColumnField.PHONE: gettext_lazy("Phone"),
    ColumnField.EMAIL: gettext_lazy("E-mail"),
    ColumnField.WHATSAPP_ID: gettext_lazy("WhatsApp user id"),
    ColumnField.NAME: gettext_lazy("Name"),
    ColumnField.FIRST_NAME: gettext_lazy("First name"),
    ColumnField.LAST_NAME: gettext_lazy("Last name"),
    ColumnField.LANGUAGE: gettext_lazy("Language"),
    ColumnField.TIME_ZONE: gettext_lazy("Time zone"),
    ColumnField.TAGS: gettext_lazy("Tags"),
    ColumnField.CONSENT_ALL: gettext_lazy("Consent, every channel"),
    ColumnField.CONSENT_WHATSAPP: gettext_lazy("Consent, WhatsApp"),
    ColumnField.CONSENT_SMS: gettext_lazy("Consent, SMS"),
    ColumnField.CONSENT_EMAIL: gettext_lazy("Consent, e-mail"),
    ColumnField.ATTRIBUTE: gettext_lazy("Attribute named …"),
    ColumnField.IGNORED: gettext_lazy("Left out"),
}
GROUPS: Sequence[tuple[Words, Sequence[ColumnField]]] = (
    (gettext_lazy("Address"), (ColumnField.PHONE, ColumnField.EMAIL, ColumnField.WHATSAPP_ID)),
    (
        gettext_lazy("Person"),
        (
            ColumnField.NAME,
            ColumnField.FIRST_NAME,
            ColumnField.LAST_NAME,
            ColumnField.LANGUAGE,
            ColumnField.TIME_ZONE,
            ColumnField.TAGS,
        ),
    ),
    (
        gettext_lazy("Consent"),
        (
            ColumnField.CONSENT_ALL,
            ColumnField.CONSENT_WHATSAPP,
            ColumnField.CONSENT_SMS,
            ColumnField.CONSENT_EMAIL,
        ),
    ),
    (gettext_lazy("Anything else"), (ColumnField.ATTRIBUTE, ColumnField.IGNORED)),
)
KIND_WORDS: Mapping[AttributeKind, Words] = {
    AttributeKind.TEXT: gettext_lazy("text"),
    AttributeKind.INTEGER: gettext_lazy("whole number"),
    AttributeKind.DECIMAL_POINT: gettext_lazy("number, 1,234.56"),
    AttributeKind.DECIMAL_COMMA: gettext_lazy("number, 1.234,56"),
    AttributeKind.BOOLEAN: gettext_lazy("yes or no"),
    AttributeKind.DATE_ISO: gettext_lazy("date, year first"),
    AttributeKind.DATE_DAY_FIRST: gettext_lazy("date, day first"),
    AttributeKind.DATE_MONTH_FIRST: gettext_lazy("date, month first"),
}
SEPARATOR_WORDS: Mapping[str, Words] = {
    ",": gettext_lazy("comma"),
    ";": gettext_lazy("semicolon"),
    "\t": gettext_lazy("tab"),
    "|": gettext_lazy("bar"),
}
ENCODING_WORDS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}
SHOWN_FIELDS: Mapping[str, Words] = {
    "name": gettext_lazy("Name"),
    "phone": gettext_lazy("Phone"),
    "email": gettext_lazy("E-mail"),
    "whatsapp_id": gettext_lazy("WhatsApp user id"),
    "language": gettext_lazy("Language"),
    "time_zone": gettext_lazy("Time zone"),
    "tags": gettext_lazy("Tags"),
    **{column: FIELD_WORDS[ColumnField(column)] for column in CONSENT_COLUMNS.values()},
}
TONES: Mapping[str, Tone] = {
    ImportState.DRAFT: Tone("waiting", "edit_note"),
    ImportState.WAITING: Tone("moving", "hourglass_top"),
    ImportState.RUNNING: Tone("moving", "sync"),
    ImportState.DONE: Tone("done", "check_circle"),
    ImportState.FAILED: Tone("broken", "error"),
}


@dataclass(frozen=True, slots=True)
class ColumnLine:
    """One column in the form. `target` is a field's value or "attribute"; `key` the attribute's name."""

    position: int
    header: str
    examples: Sequence[str]
    target: str
    key: str
    kind: Words


def mapping_from(form: QueryDict) -> dict[str, str]:
    """What the form says each column becomes, by place. Whether it can be used is the operation's question."""
    asked = form.get("columns", "")
    count = min(int(asked), MAX_COLUMNS) if asked.isdecimal() and len(asked) < 4 else 0
    mapping = {}
    for position in range(count):
        target = form.get(f"c{position}", ColumnField.IGNORED.value)
        if target == ColumnField.ATTRIBUTE.value:
            target = ATTRIBUTE + (form.get(f"c{position}_key", "").strip() or f"column_{position + 1}")
        mapping[f"#{position + 1}"] = target
    return mapping


def clash(mapping: Mapping[str, str], headers: Sequence[str]) -> str:
    """A sentence when two columns are to become the same; empty when all differ."""
    seen: dict[str, str] = {}
    for place, target in mapping.items():
        if target == ColumnField.IGNORED.value:
            continue
        if target in seen:
            first, second = (_header(headers, each) for each in (seen[target], place))
            return _("“%(first)s” and “%(second)s” cannot both become “%(field)s”. Change one of them.") % {
                "first": first,
                "second": second,
                "field": target.removeprefix(ATTRIBUTE) if target.startswith(ATTRIBUTE) else field_words(target),
            }
        seen[target] = place
    return ""


def _header(headers: Sequence[str], place: str) -> str:
    position = int(place.removeprefix("#")) - 1
    return headers[position] if position < len(headers) and headers[position] else place


def field_words(target: str) -> str:
    """A field as people call it."""
    return str(FIELD_WORDS[ColumnField(target)]) if target in list(ColumnField) else target


def column_lines(look: FileLook, mapping: Mapping[str, str]) -> list[ColumnLine]:
    """The columns for the form: what was chosen, else what was detected."""
    detected = mapping_of([looked.column for looked in look.columns])
    lines = []
    for looked in look.columns:
        place = f"#{looked.column.position + 1}"
        target = mapping.get(place, detected[place])
        is_attribute = target.startswith(ATTRIBUTE)
        lines.append(
            ColumnLine(
                position=looked.column.position,
                header=looked.column.header or place,
                examples=looked.examples,
                target=ColumnField.ATTRIBUTE.value if is_attribute else target,
                key=target.removeprefix(ATTRIBUTE)
                if is_attribute
                else attribute_key(looked.column.header, looked.column.position + 1),
                kind=KIND_WORDS[looked.kind] if looked.kind else "",
            )
        )
    return lines


def form_sentence(look: FileLook, record: ContactImport) -> str:
    """How the file is written, as it was found out."""
    size = filesizeformat(record.bytes_total)
    if look.form is None:
        return _("Excel workbook, first visible sheet, %(size)s") % {"size": size}
    return _("Text in %(encoding)s, separated by %(separator)s, %(size)s") % {
        "encoding": ENCODING_WORDS.get(look.form.encoding, look.form.encoding),
        "separator": SEPARATOR_WORDS.get(look.form.separator, f"“{look.form.separator}”"),
        "size": size,
    }


def reading_table(look: FileLook) -> tuple[list[Words], list[dict[str, Any]]]:
    """The first rows as they will be read: heads of the fields in use, and per row its cells or the reason against it."""
    used = [name for name in SHOWN_FIELDS if any(name in row.values for row in look.rows)]
    heads = [SHOWN_FIELDS[name] for name in used]
    with_attributes = any("attributes" in row.values for row in look.rows)
    rows = [_row(row, used, with_attributes) for row in look.rows]
    return [*heads, *([_("Attributes")] if with_attributes else [])], rows


def _row(row: LookedRow, used: Sequence[str], with_attributes: bool) -> dict[str, Any]:
    cells = [_cell(name, row.values.get(name, "")) for name in used]
    if with_attributes:
        values = json.loads(row.values.get("attributes", "{}"))
        cells.append(" · ".join(f"{key}: {_value(value)}" for key, value in values.items()))
    return {"number": row.number, "cells": cells, "reason": row.reason.label if row.reason else ""}


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)


def _cell(name: str, text: str) -> str:
    return str(ConsentState(int(text)).label) if name in CONSENT_COLUMNS.values() and text else text


def looked_sentence(look: FileLook) -> str:
    """How the rows looked at fare."""
    if not look.looked_at:
        return _("The file has no rows below its header.")
    rows = number(look.looked_at)
    said = (
        ngettext("Its only row was looked at", "All %(rows)s rows were looked at", look.looked_at)
        if look.is_all
        else _("The first %(rows)s rows were looked at")
    ) % {"rows": rows}
    if not look.rejected:
        return said + ": " + _("each can be used.")
    return said + ": " + _("%(bad)s of %(rows)s would be rejected.") % {"bad": number(look.rejected), "rows": rows}


def reason_lines(reasons: Mapping[Any, int]) -> list[tuple[str, str]]:
    """Reasons with how many rows each, most first."""
    ordered = sorted(reasons.items(), key=lambda item: -item[1])
    return [(str(RejectReason(reason).label), number(count)) for reason, count in ordered]


def result_lines(record: ContactImport) -> list[tuple[str, str, str]]:
    """What came of the rows: label, number, share of the rows' bar."""
    labels = (
        (
            _("would be created"),
            _("would be changed"),
            _("as they are already"),
            _("repeated in the file"),
            _("rejected"),
        )
        if record.dry_run
        else (_("created"), _("changed"), _("as they were already"), _("repeated in the file"), _("rejected"))
    )
    values = (record.created, record.updated, record.unchanged, record.merged, record.rejected)
    return [
        (label, number(value), "look" if value and index == 4 else "")
        for index, (label, value) in enumerate(zip(labels, values, strict=True))
    ]


def sum_sentence(record: ContactImport) -> str:
    """The equation that must hold."""
    values = (record.created, record.updated, record.unchanged, record.merged, record.rejected)
    rows = ngettext("%(rows)s row", "%(rows)s rows", record.rows) % {"rows": number(record.rows)}
    return f"{rows} = " + " + ".join(number(value) for value in values)


def seconds_left(record: ContactImport) -> int | None:
    """Until the expected end, while it runs."""
    if record.expected_at is None or record.state != ImportState.RUNNING:
        return None
    return max(round((record.expected_at - timezone.now()).total_seconds()), 1)


def duration(seconds: int) -> str:
    """About how long, in minutes from a minute and a half on."""
    if seconds < 90:
        return ngettext("%(number)s second", "%(number)s seconds", seconds) % {"number": number(seconds)}
    minutes = round(seconds / 60)
    return ngettext("%(number)s minute", "%(number)s minutes", minutes) % {"number": number(minutes)}
