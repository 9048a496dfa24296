"""What Meta tells about an ad account and about leads: that something changed, never to what. Whoever acts on it asks again.

Meta delivers at least once and in no order, tries for 36 hours and then drops: `polling.py` finds what was lost. A delivery has no id
and no timestamp; each change is named by what it says.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from integrations.events import InboundFact, ServiceEvent
from integrations.meta_ads.occurrences import (
    ACCOUNT_STATUS,
    CREATIVE_FATIGUE,
    LEAD,
    OBJECT_CHANGED,
    OBJECT_ISSUES,
    OBJECT_PROCESSED,
    REPORT_FINISHED,
    lead_name,
)
from integrations.meta_graph.webhook import answer_handshake, event_id, verify
from integrations.webhooks.reading import json_mapping, mapping, mappings, moment, text

__all__ = ["answer_handshake", "event_id", "parse", "verify"]

# Meta's field → (our word, where the value has the subject's id, which values whoever acts on it needs)
FIELDS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "field_changed": (OBJECT_CHANGED, "object_id", ("object_type",)),
    "with_issues_ad_objects": (OBJECT_ISSUES, "id", ("level", "error_code", "error_summary", "error_message")),
    "in_process_ad_objects": (OBJECT_PROCESSED, "id", ("level", "status_name")),
    "creative_fatigue": (CREATIVE_FATIGUE, "ad_id", ("creative_fatigue_level",)),
    "ad_account": (ACCOUNT_STATUS, "id", ("account_status", "disable_reason")),
    "leadgen": (LEAD, "leadgen_id", ("page_id", "form_id", "ad_id")),
    "async_requests": (REPORT_FINISHED, "report_id", ("verb",)),
}


def parse(body: bytes, content_type: str, query: Mapping[str, str]) -> list[InboundFact]:
    """Every event of a delivery, in its order; fields that nobody needs are passed over. Raises `UnreadablePayload`."""
    envelope = json_mapping(body)
    return [
        event
        for entry in mappings(envelope, "entry")
        for change in mappings(entry, "changes")
        for event in _events(entry, change)
    ]


def _events(entry: Mapping[str, Any], change: Mapping[str, Any]) -> Iterator[ServiceEvent]:
    known = FIELDS.get(text(change, "field"))
    if known is None:
        return
    kind, subject_name, names = known
    value = mapping(change, "value")
    subject = text(value, subject_name)
    if not subject:
        return
    facts = {"entry": text(entry, "id")} | {name: text(value, name) for name in names if text(value, name)}
    if isinstance(changed := value.get("changed_fields"), list):
        facts["changed_fields"] = ",".join(each for each in changed if isinstance(each, str))
    yield ServiceEvent(
        kind=kind,
        occurred_at=moment(text(value, "created_time") or text(entry, "time")),
        provider_event_id=lead_name(subject) if kind == LEAD else _name(entry, change),
        subject=subject,
        facts=facts,
    )


def _name(entry: Mapping[str, Any], change: Mapping[str, Any]) -> str:
    """A change's name: object, time, field and a hash of what it says, alike each time it is delivered."""
    said = hashlib.sha256(
        orjson.dumps(change.get("value"), option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS)
    )
    return f"{text(entry, 'id')}:{text(entry, 'time')}:{text(change, 'field')}:{said.hexdigest()[:24]}"
