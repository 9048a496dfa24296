"""What the pages of an import show: its columns and first rows, its moving part, what came of it."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils import timezone

from agency.admin.words import number
from agency.rules.masking import masked
from messaging.admin.import_words import (
    FIELD_WORDS,
    GROUPS,
    SLOW_START,
    TONES,
    clash,
    column_lines,
    duration,
    form_sentence,
    looked_sentence,
    reading_table,
    reason_lines,
    result_lines,
    seconds_left,
    sum_sentence,
)
from messaging.imports.looking import FileLook, look_at_file
from messaging.models import ContactImport
from messaging.selectors.imports import kept_file, may_start
from messaging.states import ImportState


def look_at(record: ContactImport, mapping: Mapping[str, str], country: str) -> FileLook | None:
    """The look at its kept file; None when there is none. Raises UnreadableFile."""
    path = kept_file(record)
    return None if path is None else look_at_file(path, mapping, country or record.client.country)


def preview_context(
    record: ContactImport, look: FileLook, mapping: Mapping[str, str], *, personal: bool
) -> dict[str, Any]:
    """The part that changes with each choice: problem, first rows as they will be read, reasons."""
    heads, rows = reading_table(look)
    if not personal:
        for row in rows:
            row["cells"] = [masked(cell) for cell in row["cells"]]
    headers = [looked.column.header for looked in look.columns]
    return {
        "problem": clash(mapping, headers) or look.problem,
        "heads": heads,
        "rows": rows,
        "looked_sentence": looked_sentence(look),
        "looked_reasons": reason_lines(look.reasons),
        "lines": column_lines(look, mapping),
    }


def columns_context(
    record: ContactImport, look: FileLook, mapping: Mapping[str, str], *, personal: bool
) -> dict[str, Any]:
    """The form of the columns with its preview."""
    context = preview_context(record, look, mapping, personal=personal)
    if not personal:
        for line in context["lines"]:
            line.examples[:] = [masked(example) for example in line.examples]
    return {
        **context,
        "form_sentence": form_sentence(look, record),
        "groups": [(label, [(field.value, FIELD_WORDS[field]) for field in fields]) for label, fields in GROUPS],
        "preview_url": reverse("admin:messaging_contactimport_columns", args=(record.pk,)),
    }


def live_context(record: ContactImport) -> dict[str, Any]:
    """The moving part, and the result once there is one."""
    state = ImportState(record.state)
    tone = TONES[state]
    left = seconds_left(record)
    return {
        "record": record,
        "moving": state in (ImportState.WAITING, ImportState.RUNNING),
        "tone": tone.name,
        "icon": tone.icon,
        "rows_read": number(record.rows),
        "rate": number(record.rows_per_second) if record.rows_per_second else "",
        "left": duration(left) if left else "",
        "slow_start": state is ImportState.WAITING and _waits_long(record),
        "live_url": reverse("admin:messaging_contactimport_live", args=(record.pk,)),
    }


def _waits_long(record: ContactImport) -> bool:
    return timezone.now() - (record.heartbeat_at or record.created_at) > SLOW_START


def result_context(record: ContactImport, *, personal: bool) -> dict[str, Any]:
    """What came of the rows."""
    took = 0
    if record.started_at and record.finished_at:
        took = max(round((record.finished_at - record.started_at).total_seconds()), 1)
    return {
        "results": result_lines(record),
        "sum_sentence": sum_sentence(record),
        "reasons": reason_lines(record.rejected_reasons),
        "took": duration(took) if took else "",
        "rejected_url": reverse("admin:messaging_contactimport_rejected", args=(record.pk,))
        if record.rejected_path and personal
        else "",
        "startable": may_start(record),
    }
