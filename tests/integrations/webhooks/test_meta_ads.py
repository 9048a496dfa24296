"""Meta's webhooks about an ad account and leads: signed over the body, named by what they say. Samples follow Meta's documents."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from integrations.errors import NotConfigured
from integrations.events import InboundFact, ServiceEvent
from integrations.meta_ads.webhook import answer_handshake, event_id, parse, verify
from integrations.sandbox.runner import RunningSandbox
from integrations.webhooks.request import BadSignature, UnreadablePayload, WebhookRequest
from tests.integrations.sandbox.receiver import Receiver
from tests.integrations.services.meta_ads_examples import made
from tests.integrations.webhooks.deliveries import JSON, NOW, as_delivery, delivery, facts, sample

SECRET = "app-secret-1"
CONNECTION = facts("meta_ads", access_token="t", app_secret=SECRET, verify_token="verify-1")
AD = made(4)


def signed(body: bytes, *, secret: str = SECRET, at: float = NOW) -> WebhookRequest:
    """Signed as Meta does."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return delivery(body, {**JSON, "X-Hub-Signature-256": f"sha256={digest}"}, at=at)


def read(name: str) -> list[InboundFact]:
    return parse(sample("meta_ads", name), "application/json", {})


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(NOW + seconds, UTC)


def test_metas_signature_is_accepted_whenever_it_comes() -> None:
    """There is no timestamp: a repetition is known by the body, whose hash names the delivery."""
    body = sample("meta_ads", "leadgen")
    for age in (0, 36 * 3600):
        verify(signed(body, at=NOW + age), CONNECTION)
    assert event_id(signed(body)) == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(signed(b"{}", secret="another"), id="another secret"),
        pytest.param(replace(signed(b"{}"), body=b"{ }"), id="altered body"),
        pytest.param(delivery(b"{}", JSON), id="no signature"),
        pytest.param(delivery(b"{}", {"x-hub-signature-256": "sha256="}), id="empty signature"),
        pytest.param(delivery(b"{}", {"x-hub-signature-256": "sha256=é"}), id="no hex"),
        pytest.param(
            delivery(b"{}", {"x-hub-signature": signed(b"{}").header("x-hub-signature-256")}), id="the old header"
        ),
    ],
)
def test_anything_else_is_refused(request_: WebhookRequest) -> None:
    with pytest.raises(BadSignature):
        verify(request_, CONNECTION)


def test_the_handshake_is_for_who_knows_the_token() -> None:
    def asked(query: str) -> WebhookRequest:
        return replace(delivery(b"", {}), method="GET", query=query)

    query = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    assert answer_handshake(asked(query + "verify-1"), CONNECTION) == b"1158201444"
    for wrong in (query + "verify-2", query, "hub.challenge=1&hub.verify_token=verify-1"):
        with pytest.raises(BadSignature):
            answer_handshake(asked(wrong), CONNECTION)
    with pytest.raises(NotConfigured):
        answer_handshake(asked(query), facts("meta_ads", app_secret=SECRET))


def test_a_changed_status_says_of_what_and_not_to_what() -> None:
    [event] = read("field_changed")
    assert isinstance(event, ServiceEvent)
    assert event == ServiceEvent(
        kind="meta_ads.object_changed",
        occurred_at=at(0),
        provider_event_id=event.provider_event_id,
        subject=AD,
        facts={"entry": "1000000000000001", "object_type": "ad", "changed_fields": "effective_status"},
    )
    assert event.provider_event_id.startswith("1000000000000001:1790000000:field_changed:")


def test_one_change_has_one_name_and_another_has_another() -> None:
    payload = json.loads(sample("meta_ads", "field_changed"))
    change = payload["entry"][0]["changes"][0]
    change["value"] = dict(reversed(change["value"].items()))  # the order of fields says nothing
    again = parse(json.dumps(payload).encode(), "application/json", {})
    assert again == read("field_changed")
    change["value"]["object_id"] = made(6)
    other = parse(json.dumps(payload).encode(), "application/json", {})
    payload["entry"][0]["time"] += 1
    later = parse(json.dumps(payload).encode(), "application/json", {})
    names = [event.provider_event_id for event in (*again, *other, *later) if isinstance(event, ServiceEvent)]
    assert len(set(names)) == 3


def test_issues_and_what_left_processing() -> None:
    events = [event for event in read("with_issues") if isinstance(event, ServiceEvent)]
    assert [(event.kind, event.subject) for event in events] == [
        ("meta_ads.object_issues", AD),
        ("meta_ads.object_processed", made(2)),
    ]
    assert events[0].facts["error_code"] == "567"
    assert events[1].facts == {"entry": "1000000000000001", "level": "AD_SET", "status_name": "ACTIVE"}


def test_a_lead_is_named_by_its_id_and_dated_by_itself() -> None:
    assert read("leadgen") == [
        ServiceEvent(
            kind="meta_ads.lead",
            occurred_at=at(20),
            provider_event_id="lead:72000001000002",
            subject="72000001000002",
            facts={
                "entry": "400000000000001",
                "page_id": "400000000000001",
                "form_id": "500000000000001",
                "ad_id": AD,
            },
        )
    ]


def test_the_account_reports_fatigue_and_what_nobody_knows() -> None:
    events = [event for name in ("account_and_report", "creative_fatigue") for event in read(name)]
    assert [(event.kind, event.subject) for event in events if isinstance(event, ServiceEvent)] == [
        ("meta_ads.account_status", "1000000000000001"),
        ("meta_ads.report_finished", "77"),
        ("meta_ads.creative_fatigue", AD),
    ]
    assert isinstance(events[0], ServiceEvent)
    assert events[0].facts["account_status"] == "2"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"text"'])
def test_what_is_no_object_is_a_dead_letter(body: bytes) -> None:
    with pytest.raises(UnreadablePayload):
        parse(body, "application/json", {})


@pytest.mark.parametrize(
    "entry",
    ['{"changes":[{"field":"field_changed","value":{}}]}', '{"changes":[{"field":"leadgen","value":7}]}', "7", "{}"],
)
def test_what_says_nothing_is_no_event(entry: str) -> None:
    assert parse(f'{{"object":"page","entry":[{entry}]}}'.encode(), "application/json", {}) == []


@pytest.mark.parametrize(
    ("happens", "kind"),
    [
        ("ad_disapproved", "meta_ads.object_changed"),
        ("ad_with_issues", "meta_ads.object_issues"),
        ("creative_fatigue", "meta_ads.creative_fatigue"),
        ("lead", "meta_ads.lead"),
    ],
)
def test_what_the_sandbox_sends_is_accepted_and_read(
    happens: str, kind: str, sandbox: RunningSandbox, receiver: Receiver
) -> None:
    sandbox.control.open_account(
        "meta_ads",
        ad_account_id="act_1000000000000007",
        access_token="token-7",
        page_id="407",
        form_id="507",
        app_secret=SECRET,
        webhook_url=f"{receiver.url}/webhooks/meta_ads/key",
    )
    told = sandbox.control.happen("meta_ads", happens, account="act_1000000000000007")
    [taken] = receiver.wait_for(1)
    request = as_delivery(taken)
    verify(request, CONNECTION)
    with pytest.raises(BadSignature):
        verify(request, facts("meta_ads", app_secret="another"))
    [event] = parse(request.body, request.header("content-type"), {})
    assert isinstance(event, ServiceEvent)
    assert (event.kind, event.subject) == (kind, told["id"])
