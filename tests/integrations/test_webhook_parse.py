"""What the providers' webhooks say, read from sample payloads; and that no payload whatever makes the readers stumble."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import SuppressReason
from integrations.events import UNDATED, ConnectionEvent, EventKind, InboundFact, MessageEvent
from integrations.registry import service_module
from integrations.webhooks.reading import clean, iso_moment, moment, phone
from integrations.webhooks.request import UnreadablePayload

PAYLOADS = Path(__file__).parents[1] / "payloads"
FORM = "application/x-www-form-urlencoded"
AT = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)  # 1790000000
OWN_ID = "106540352242922"
ANA = "+5581999990000"
WAMID = "wamid.HBgMNTU4MTk5OTk5MDAwFQIAERgS"


def read(service: str, name: str) -> list[InboundFact]:
    body, content_type, query = (PAYLOADS / service / f"{name}.json").read_bytes(), "application/json", {}
    if service == "twilio":
        sample = json.loads(body)
        body, content_type = urlencode(sample["form"]).encode(), FORM
        query = dict(pair.split("=") for pair in sample["query"].split("&") if pair)
    found: list[InboundFact] = service_module(service, "webhook").parse(body, content_type, query)
    return found


def one(service: str, name: str) -> MessageEvent:
    (event,) = read(service, name)
    assert isinstance(event, MessageEvent)
    return event


def after(seconds: int) -> datetime:
    return AT + timedelta(seconds=seconds)


def test_whatsapp_statuses() -> None:
    def status(number: int, name: str, kind: EventKind, seconds: int, **rest: Any) -> MessageEvent:
        message = f"{WAMID}{number}"
        return MessageEvent(kind, after(seconds), f"{message}:{name}", message, own_address=OWN_ID, **rest)

    assert read("whatsapp_cloud", "statuses") == [
        status(1, "sent", EventKind.SENT, 0, reference="41", address=ANA),
        status(1, "delivered", EventKind.DELIVERED, 2, reference="41", address=ANA),
        status(2, "read", EventKind.READ, 3, reference="42"),
        status(
            3,
            "failed",
            EventKind.FAILED,
            4,
            reference="43",
            address="+5511988887777",
            error_code="131026",
            error_text="Message Undeliverable.",
            suppress=SuppressReason.UNREGISTERED,
        ),
        status(
            4,
            "failed",
            EventKind.FAILED,
            5,
            address="+5511988886666",
            error_code="131047",
            error_text="Re-engagement message",
        ),
    ]


def test_whatsapp_messages_of_every_kind() -> None:
    events = [event for event in read("whatsapp_cloud", "messages") if isinstance(event, MessageEvent)]
    assert {event.kind for event in events} == {EventKind.INBOUND}
    assert {event.own_address for event in events} == {OWN_ID}
    assert [(event.provider_message_id, event.text, event.in_reply_to, event.address) for event in events] == [
        ("wamid.IN1", "Quanto custa? 😀", "wamid.OUT1", ANA),
        ("wamid.IN2", "Parar", "wamid.OUT2", ANA),
        ("wamid.IN3", "Plano anual", "", ANA),
        ("wamid.IN4", "Sim", "", ANA),
        ("wamid.IN5", "👍", "wamid.OUT3", ANA),
        ("wamid.IN6", "meu recibo", "", ANA),
        ("wamid.IN7", "[audio]", "", ANA),
        ("wamid.IN8", "oi", "", ""),
        ("wamid.IN9", "[unsupported]", "", ANA),
    ]
    assert events[0].occurred_at == after(10)
    assert events[0].provider_event_id == "wamid.IN1:inbound"


def test_whatsapp_wish_to_get_no_more_marketing() -> None:
    event = one("whatsapp_cloud", "user_preferences")
    assert (event.kind, event.address, event.suppress) == (
        EventKind.UNSUBSCRIBED,
        "+5511988887777",
        SuppressReason.OPTED_OUT,
    )
    assert event.provider_event_id == "+5511988887777:stop:1790000020"


def test_evolution_messages_and_updates() -> None:
    assert one("evolution", "messages_upsert") == MessageEvent(
        EventKind.INBOUND,
        after(30),
        "3EB0C431C26A1916E07E:inbound",
        "3EB0C431C26A1916E07E",
        address=ANA,
        own_address="loja",
        text="quero parar",
        in_reply_to="3EB0OUT1",
    )
    media = one("evolution", "messages_upsert_media")
    assert (media.text, media.address) == ("olha", "+5511988887777")
    assert read("evolution", "messages_upsert_from_me") == []
    assert read("evolution", "messages_upsert_group") == []
    assert one("evolution", "messages_update") == MessageEvent(
        EventKind.DELIVERED, UNDATED, "3EB0OUT1:delivery_ack", "3EB0OUT1", address=ANA, own_address="loja"
    )
    failed = one("evolution", "messages_update_error")
    assert (failed.kind, failed.provider_message_id, failed.error_code) == (EventKind.FAILED, "3EB0OUT2", "ERROR")
    assert read("evolution", "connection_update") == [ConnectionEvent(False, UNDATED, "loja", "401")]


def test_evolution_events_in_their_other_spelling() -> None:
    payload = json.loads((PAYLOADS / "evolution/messages_update.json").read_text())
    payload["event"], payload["data"] = "MESSAGES_UPDATE", [payload["data"], {"keyId": "X", "status": "PENDING"}]
    events = service_module("evolution", "webhook").parse(json.dumps(payload).encode(), "application/json", {})
    assert [event.provider_event_id for event in events] == ["3EB0OUT1:delivery_ack"]


def test_twilio_callbacks_and_messages() -> None:
    delivered = one("twilio", "status_delivered")
    sid = "SM1f0e8ae6ade43cb3c0ce4525424e404f"
    assert delivered == MessageEvent(
        EventKind.DELIVERED,
        UNDATED,
        f"{sid}:delivered",
        sid,
        reference="41",
        address=ANA,
        own_address="+15017122661",
    )
    failed = one("twilio", "status_failed")
    assert (failed.kind, failed.error_code, failed.suppress, failed.own_address) == (
        EventKind.FAILED,
        "21610",
        SuppressReason.OPTED_OUT,
        "MG1",
    )
    seen = one("twilio", "status_read_whatsapp")
    assert (seen.kind, seen.address, seen.own_address) == (EventKind.READ, ANA, "+14155238886")
    assert read("twilio", "status_queued") == []
    inbound = one("twilio", "inbound_whatsapp")
    assert (inbound.text, inbound.address, inbound.own_address, inbound.in_reply_to, inbound.suppress) == (
        "Parar",
        ANA,
        "+14155238886",
        "SM1",
        None,
    )
    assert one("twilio", "inbound_sms_stop").suppress is SuppressReason.OPTED_OUT


@pytest.mark.parametrize(
    ("name", "kind", "code", "suppress"),
    [
        ("email_delivered", EventKind.DELIVERED, "", None),
        ("email_opened", EventKind.OPENED, "", None),
        ("email_clicked", EventKind.CLICKED, "", None),
        ("email_bounced", EventKind.BOUNCED, "Permanent:General", SuppressReason.HARD_BOUNCE),
        ("email_bounced_soft", EventKind.BOUNCED, "Transient:MailboxFull", None),
        ("email_complained", EventKind.COMPLAINED, "complained", SuppressReason.COMPLAINED),
        ("email_suppressed", EventKind.FAILED, "OnAccountSuppressionList", SuppressReason.PROVIDER_BLOCKED),
        ("email_failed", EventKind.FAILED, "failed", None),
        ("email_received", EventKind.INBOUND, "", None),
        ("contact_updated", EventKind.UNSUBSCRIBED, "", SuppressReason.OPTED_OUT),
    ],
)
def test_resend_events(name: str, kind: EventKind, code: str, suppress: SuppressReason | None) -> None:
    event = one("resend", name)
    assert (event.kind, event.error_code, event.suppress) == (kind, code, suppress)


def test_resend_details() -> None:
    assert one("resend", "email_delivered") == MessageEvent(
        EventKind.DELIVERED,
        datetime(2026, 9, 21, 13, 13, 50, 126000, tzinfo=UTC),
        "56761188-7520-42d8-8898-ff6fc54ce618:delivered",
        "56761188-7520-42d8-8898-ff6fc54ce618",
        reference="41",
        address="ana@example.com",
        own_address="oi@loja.example",
    )
    clicked = one("resend", "email_clicked")
    assert clicked.text == "https://loja.example/promo"
    assert clicked.reference == "41"
    assert clicked.provider_event_id.endswith(":clicked:2026-09-21T13:19:59.500Z")
    inbound = one("resend", "email_received")
    assert (inbound.address, inbound.own_address, inbound.text) == (
        "ana@example.com",
        "oi@loja.example",
        "Re: Novidades",
    )
    assert read("resend", "email_delivery_delayed") == []


def test_phones_as_the_providers_spell_them() -> None:
    assert [phone(each) for each in ("558199990000", "5511988887777", "whatsapp:+14155238886", "551130000000")] == [
        ANA,
        "+5511988887777",
        "+14155238886",
        "+551130000000",
    ]
    assert [phone(each) for each in ("", "28854", "BR.123", "1" * 16, "٥٥١١٩٨٨٨٨٧٧٧٧")] == [""] * 5


def test_times_that_nobody_believes() -> None:
    assert [moment(each) for each in ("", "nan", "1e400", "-1", "9" * 20)] == [UNDATED] * 5
    assert [iso_moment(each) for each in ("", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")] == [
        UNDATED
    ] * 3
    assert iso_moment("2026-09-21T10:13:20-04:00") == AT


def test_texts_that_postgresql_would_refuse() -> None:
    body = json.dumps(
        {"event": "messages.upsert", "instance": "a\x00b", "data": {
            "key": {"id": "1", "remoteJid": "5581999990000@c.us", "fromMe": False},
            "message": {"conversation": "\x00half \ud83d"},
        }}
    ).encode()  # fmt: skip
    (event,) = service_module("evolution", "webhook").parse(body, "application/json", {})
    assert (event.own_address, event.text) == ("ab", "half ?")
    assert clean("x" * 70_000) == "x" * 65_536


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def _mutated(draw: st.DrawFn, value: Any) -> Any:
    """The sample with some values replaced by anything."""
    if draw(st.integers(0, 11)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        return {name: _mutated(draw, each) for name, each in value.items()}
    if isinstance(value, list):
        return [_mutated(draw, each) for each in value]
    return value


SAMPLES = sorted(
    (path.parent.name, path.stem) for path in PAYLOADS.glob("*/*.json") if path.parent.name in
    ("whatsapp_cloud", "evolution", "twilio", "resend")
)  # fmt: skip


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[str, bytes, str]:
    """(service, body, content type): samples with values replaced, arbitrary JSON, arbitrary bytes."""
    service, name = draw(st.sampled_from(SAMPLES))
    content_type = draw(st.sampled_from(["application/json", FORM, ""]))
    if draw(st.integers(0, 9)) == 0:
        return service, draw(st.binary(max_size=60)), content_type
    sample = json.loads((PAYLOADS / service / f"{name}.json").read_text())
    if service == "twilio":
        mutated = _mutated(draw, sample["form"])
        if content_type == FORM and isinstance(mutated, dict):
            return (
                service,
                urlencode({name: str(value) for name, value in mutated.items()}, errors="replace").encode(),
                FORM,
            )
        return service, json.dumps(mutated).encode(), content_type
    return service, json.dumps(_mutated(draw, sample)).encode(), content_type


@given(delivery=deliveries(), query=st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=2))
def test_no_payload_makes_a_reader_stumble(delivery: tuple[str, bytes, str], query: dict[str, str]) -> None:
    service, body, content_type = delivery
    try:
        events = service_module(service, "webhook").parse(body, content_type, query)
    except UnreadablePayload:
        return
    for event in events:
        assert event.occurred_at.utcoffset() == timedelta(0)
        if isinstance(event, MessageEvent):
            for words in (event.text, event.reference, event.error_text, event.provider_event_id):
                assert "\x00" not in words
                words.encode()
            assert event.provider_event_id
