"""Meta Marketing API: money, recorded answers, the rules that Meta enforces, reviews, quotas, and what is asked for when webhooks are lost."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.calling import gate
from integrations.errors import RateLimited, Refused
from integrations.events import ServiceEvent
from integrations.meta_ads import polling
from integrations.meta_ads.client import MetaAdsClient, build
from integrations.meta_ads.drafts import AudiencePerson, Change, InsightQuery, NewAd, NewAdSet, NewCampaign, NewCreative
from integrations.meta_ads.money import WITHOUT_CENTS, from_units, to_units
from integrations.meta_ads.records import AdAccount, Copied, Insight, Lead, PeopleTaken, ReportRun, Status
from integrations.meta_ads.reports import TOO_MUCH
from integrations.meta_ads.webhook import parse
from integrations.sandbox.runner import RunningSandbox
from tests.integrations.sandbox.receiver import Receiver
from tests.integrations.services.cases import connection
from tests.integrations.services.meta_ads_examples import (
    AD,
    AD_SET,
    ALL,
    AUDIENCE,
    CAMPAIGN,
    CREATIVE,
    FORM,
    LEAD,
    PAGE,
    PEOPLE,
    SECRETS,
    SETTINGS,
    made,
)

pytestmark = pytest.mark.django_db
PAYLOADS = Path(__file__).parents[1] / "payloads" / "meta_ads"
HOUSING = replace(CAMPAIGN, special_ad_categories=("HOUSING",), special_ad_countries=("BR",), daily_budget=None)


@pytest.fixture(autouse=True)
def fresh_gate() -> Iterator[None]:
    """No pause or quota of another test."""
    gate.forget_connections()
    for key in gate._client().scan_iter("calls:meta_ads:*"):
        gate._client().delete(key)
    yield
    gate.forget_connections()


def client_of(sandbox: RunningSandbox, *, token: str = SECRETS["access_token"], **settings: str) -> MetaAdsClient:
    secrets = {**SECRETS, "access_token": token}
    return build(connection("meta_ads", sandbox, secrets, **{**SETTINGS, **settings}))


# Money


@given(st.integers(0, 10**12), st.sampled_from(["BRL", "USD", "BHD", *sorted(WITHOUT_CENTS)]))
def test_money_goes_there_and_back(units: int, currency: str) -> None:
    assert to_units(from_units(units, currency), currency) == units


def test_money_in_metas_units() -> None:
    assert (to_units(Decimal("25.5"), "BRL"), to_units(Decimal(1200), "JPY")) == (2550, 1200)
    assert (str(from_units(1230, "BRL")), str(from_units(1230, "CLP"))) == ("12.30", "1230")
    for amount, currency in ((Decimal("0.005"), "BRL"), (Decimal("1.5"), "JPY"), (Decimal(-1), "BRL")):
        with pytest.raises(ValueError, match="no amount"):
            to_units(amount, currency)


def test_budgets_of_a_currency_without_cents(sandbox: RunningSandbox) -> None:
    yen = {"ad_account_id": "act_1000000000000008", "access_token": "token-8", "page_id": "408", "form_id": "508"}
    sandbox.control.open_account("meta_ads", currency="JPY", **yen)
    client = client_of(sandbox, token="token-8", ad_account_id="1000000000000008")
    made_id = client.create_campaign(replace(CAMPAIGN, daily_budget=Decimal(5000)))
    assert '"daily_budget":"5000"' in sandbox.control.writes("meta_ads", "create_campaign")[0].text
    assert {row.id: row.daily_budget for row in client.list_campaigns()}[made_id] == Decimal(5000)
    assert client.account().spent == Decimal(1234567)


# Recorded answers

READ: dict[str, tuple[Callable[[MetaAdsClient], Any], Any]] = {
    "account": (
        lambda client: client.account(),
        AdAccount(
            "act_1000000000000001",
            "Loja",
            3,
            0,
            "BRL",
            "America/Sao_Paulo",
            Decimal("45.30"),
            Decimal("12345.67"),
            Decimal("50000.00"),
            True,
            "Visa *1234",
        ),
    ),
    "insights": (
        lambda client: client.insights(ALL),
        [
            Insight(
                "1",
                ALL.since,
                ALL.until,
                100,
                80,
                4,
                Decimal("12.34"),
                Decimal("1.25"),
                {"lead": Decimal(3)},
                {"purchase": Decimal("99.9")},
                {"account_id": "1000000000000001"},
            )
        ],
    ),
    "report_run": (lambda client: client.report_run("77"), ReportRun("77", "Completed", 100)),
    "copy": (
        lambda client: client.copy(made(1), is_deep=False),
        Copied(made(34), {made(1): made(34)}),
    ),
    "people": (lambda client: client.add_people(AUDIENCE, PEOPLE[:1]), PeopleTaken(2, 0)),
    "lead": (
        lambda client: client.lead(LEAD),
        Lead(
            LEAD,
            FORM,
            "",
            datetime(2026, 1, 2, tzinfo=UTC),
            {"full_name": ("Bruno Lima",), "email": ("bruno@example.com",)},
        ),
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_recorded_answer_is_read(name: str, sandbox: RunningSandbox, receiver: Receiver) -> None:
    call, expected = READ[name]
    receiver.answer = lambda taken: (200, (PAYLOADS / f"answer_{name}.json").read_bytes())
    assert call(client_of(sandbox, base_url=receiver.url)) == expected


def test_a_recorded_limit_without_headers_waits_five_minutes(sandbox: RunningSandbox, receiver: Receiver) -> None:
    receiver.answer = lambda taken: (400, (PAYLOADS / "answer_limited.json").read_bytes())
    with pytest.raises(RateLimited) as raised:
        client_of(sandbox, base_url=receiver.url).account()
    assert (raised.value.code, raised.value.retry_after) == ("80004/2446079", 300.0)


# What Meta does not take


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (replace(CAMPAIGN, objective="CONVERSIONS"), "100/1815715"),
        (replace(CAMPAIGN, special_ad_categories=("HOUSING",)), "100"),
        (replace(CAMPAIGN, lifetime_budget=Decimal(900)), "100/1885619"),
        (replace(CAMPAIGN, daily_budget=Decimal("0.99")), "100/1885272"),
        (replace(CAMPAIGN, name=""), "100"),
        (replace(AD_SET, campaign_id=made(1)), "100/1885621"),
        (replace(AD_SET, daily_budget=None), "100/1885621"),
        (replace(AD_SET, campaign_id="7"), "100/1487202"),
        (replace(AD_SET, targeting={}), "100/1885364"),
        (replace(AD_SET, daily_budget=None, lifetime_budget=Decimal(900)), "100/1487793"),
        (replace(CREATIVE, page_id=""), "100/1443048"),
        (replace(CREATIVE, image_hash="0" * 32), "100/1487411"),
        (replace(AD, creative_id=made(2)), "100/1487202"),
    ],
)
def test_a_bad_draft_is_refused_when_asked_and_when_made(
    draft: NewCampaign | NewAdSet | NewCreative | NewAd, code: str, sandbox: RunningSandbox
) -> None:
    client = client_of(sandbox)
    make: dict[type, Callable[[Any], str]] = {
        NewCampaign: client.create_campaign,
        NewAdSet: client.create_ad_set,
        NewCreative: client.create_creative,
        NewAd: client.create_ad,
    }
    for act in (client.validate, make[type(draft)]):
        with pytest.raises(Refused) as raised:
            act(draft)
        assert raised.value.code == code
    assert sandbox.control.writes("meta_ads") == []


def test_sharing_of_budgets_is_said_only_without_a_campaign_budget(sandbox: RunningSandbox) -> None:
    client = client_of(sandbox)
    client.create_campaign(CAMPAIGN)
    client.create_campaign(replace(CAMPAIGN, daily_budget=None))
    client.create_campaign(replace(CAMPAIGN, daily_budget=None, shares_budget=True))
    said = [
        write.text.partition('"is_adset_budget_sharing_enabled":')[2][:7]
        for write in sandbox.control.writes("meta_ads")
    ]
    assert said == ["", '"false"', '"true"}']
    assert all('"special_ad_categories":"[]"' in write.text for write in sandbox.control.writes("meta_ads"))


def test_ads_about_housing_are_for_every_age(sandbox: RunningSandbox) -> None:
    client = client_of(sandbox)
    campaign_id = client.create_campaign(HOUSING)
    fair = replace(AD_SET, campaign_id=campaign_id)
    narrow = replace(fair, targeting={**AD_SET.targeting, "age_min": 25})
    client.validate(fair)
    with pytest.raises(Refused, match="100/2909033"):
        client.create_ad_set(narrow)


def test_an_ad_set_changes_its_budget_four_times_an_hour(sandbox: RunningSandbox) -> None:
    client = client_of(sandbox)
    for amount in (51, 52, 53, 54):
        client.update(made(13), Change(daily_budget=Decimal(amount)))
    client.update(made(13), Change(daily_budget=Decimal(54)))  # as it is: no change
    with pytest.raises(RateLimited) as raised:
        client.update(made(13), Change(daily_budget=Decimal(55)))
    assert raised.value.code == "613/1487632"
    gate._client().delete("calls:meta_ads:1:pause")
    gate.forget_connections()
    assert {row.id: row.daily_budget for row in client.list_ad_sets(campaign_id=made(12))}[made(13)] == Decimal(54)


def test_a_change_that_changes_nothing_is_a_mistake_of_ours(sandbox: RunningSandbox) -> None:
    with pytest.raises(ValueError, match="changes nothing"):
        client_of(sandbox).update(made(1), Change())


def test_what_stands_above_pauses_what_stands_below(sandbox: RunningSandbox) -> None:
    client = client_of(sandbox)
    client.update_many({made(12): Change(status=Status.PAUSED), made(2): Change(status=Status.PAUSED)})
    states = {row.id: row.effective_status for row in client.list_ads()}
    assert (states[made(4)], states[made(15)], states[made(9)]) == ("ADSET_PAUSED", "CAMPAIGN_PAUSED", "ACTIVE")
    assert [row.id for row in client.list_ads(statuses=["ACTIVE"])] == [made(9), made(11)]


def test_more_changes_than_fit_into_one_batch(sandbox: RunningSandbox) -> None:
    client = client_of(sandbox)
    ids = [client.create_creative(replace(CREATIVE, name=f"C{number}")) for number in range(51)]
    assert client.update_many({each: Change(name=f"renamed {each}") for each in ids}) == []
    assert [row.name for row in client.list_creatives() if row.id in ids] == [f"renamed {each}" for each in ids]


# Figures


def test_figures_are_alike_each_time_and_add_up(sandbox: RunningSandbox) -> None:
    client = client_of(sandbox)
    whole = client.insights(ALL)
    by_day = client.insights(replace(ALL, is_daily=True))
    by_ad = client.insights(replace(ALL, level="ad", campaign_ids=(made(1),)))
    assert client.insights(ALL) == whole
    for row in whole:
        assert sum(day.spend for day in by_day if day.object_id == row.object_id) == row.spend
    assert sum(ad.impressions for ad in by_ad) == whole[0].impressions
    assert {ad.parents["campaign_id"] for ad in by_ad} == {made(1)}
    parts = client.insights(replace(ALL, level="account", breakdowns=("gender",)))
    assert [part.breakdown for part in parts] == [{"gender": "female"}, {"gender": "male"}]


def test_no_delivery_is_no_row_and_too_much_is_refused(sandbox: RunningSandbox) -> None:
    client = client_of(sandbox)
    before = InsightQuery("campaign", date(2025, 12, 1), date(2025, 12, 30))
    assert client.insights(before) == []
    new_year = client.insights(replace(before, until=date(2025, 12, 31)))  # in São Paulo, while UTC is in January
    assert [row.object_id for row in new_year] == [made(1), made(12)]
    with pytest.raises(Refused) as raised:
        client.insights(InsightQuery("ad", date(2026, 1, 1), date(2026, 11, 20), is_daily=True))
    assert raised.value.code == TOO_MUCH
    run_id = client.start_report(InsightQuery("ad", date(2026, 1, 1), date(2026, 11, 20), is_daily=True))
    assert not client.report_run(run_id).is_failed


# Quotas


def open_small(sandbox: RunningSandbox, **limits: int) -> MetaAdsClient:
    """An account that may be asked little."""
    small = {"ad_account_id": "act_1000000000000009", "access_token": "token-9", "page_id": "409", "form_id": "509"}
    sandbox.control.open_account("meta_ads", **small, **limits)
    return client_of(sandbox, token="token-9", ad_account_id="1000000000000009")


def test_usage_climbs_until_meta_names_the_minutes_and_the_gate_pauses(sandbox: RunningSandbox) -> None:
    client = open_small(sandbox, hourly_calls=3)
    for _each in range(2):
        client.account()
    assert gate._client().get("calls:meta_ads:1:left:HOUR") is None
    client.account()
    assert gate._client().get("calls:meta_ads:1:left:HOUR") == "0"
    with pytest.raises(RateLimited) as ours:
        client.account()
    assert ours.value.code == "quota_hour"
    gate._client().delete("calls:meta_ads:1:left:HOUR")
    with pytest.raises(RateLimited) as theirs:
        client.account()
    assert (theirs.value.code, theirs.value.retry_after) == ("80004/2446079", 3600.0)
    gate.forget_connections()
    with pytest.raises(RateLimited) as paused:
        client.account()
    assert paused.value.code == "paused"
    assert 3_500 < paused.value.retry_after <= 3_600


def test_too_much_at_one_time_pauses_the_account(sandbox: RunningSandbox) -> None:
    client = open_small(sandbox, burst=2)
    client.account()
    client.account()
    gate._client().delete("calls:meta_ads:1:left:HOUR")  # what the headers said; here Meta itself is to refuse
    with pytest.raises(RateLimited) as raised:
        client.account()
    assert (raised.value.code, raised.value.retry_after) == ("17/2446079", 300.0)


# Reviews, subscriptions, and what is asked for


def test_an_ad_is_reviewed_and_disapproved_and_told_to_who_subscribed(
    sandbox: RunningSandbox, receiver: Receiver
) -> None:
    client = client_of(sandbox)
    creative_id = client.create_creative(replace(CREATIVE, message="Resultado garantido em 7 dias"))
    unheard = client.create_ad(replace(AD, creative_id=creative_id))
    assert {row.id: row.effective_status for row in client.list_ads()}[unheard] == "PENDING_REVIEW"
    client.subscribe_app("ad_account", ["effective_status"], f"{receiver.url}/webhooks/meta_ads/key")
    assert sandbox.control.happen("meta_ads", "ad_disapproved")["sent"] is False  # the account is not subscribed yet
    client.subscribe_account()
    assert sandbox.control.happen("meta_ads", "ad_with_issues")["sent"] is False  # a field nobody asked for
    assert sandbox.control.happen("meta_ads", "ad_disapproved", ad=unheard)["sent"] is True
    [taken] = receiver.wait_for(1)
    [event] = parse(taken.body, "application/json", {})
    assert isinstance(event, ServiceEvent)
    assert (event.kind, event.subject) == ("meta_ads.object_changed", unheard)
    ad = {row.id: row for row in client.list_ads()}[unheard]
    assert ad.is_disapproved
    assert dict(ad.review_feedback) == {"Unacceptable Business Practices": "Ads must not make unrealistic promises."}


def test_a_review_ends_by_itself(sandbox: RunningSandbox, receiver: Receiver) -> None:
    """Ten minutes at Meta, ten seconds here: the test watches the clock and not the wall."""
    client = client_of(sandbox)
    good = client.create_ad(AD)
    assert {row.id: row.effective_status for row in client.list_ads()}[good] == "PENDING_REVIEW"
    deadline = time.monotonic() + 30
    while {row.id: row.effective_status for row in client.list_ads()}[good] == "PENDING_REVIEW":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert {row.id: row.effective_status for row in client.list_ads()}[good] == "PAUSED"


def test_asking_finds_what_webhooks_lost(sandbox: RunningSandbox) -> None:
    client = client_of(sandbox, page_id=PAGE)
    since = now = datetime.now(UTC).replace(microsecond=0)
    assert list(polling.changed_objects(client, since, now)) == []
    sandbox.control.happen("meta_ads", "ad_disapproved", ad=made(6))
    sandbox.control.happen("meta_ads", "ad_with_issues", ad=made(9))
    told = sandbox.control.happen("meta_ads", "lead")
    sandbox.control.happen("meta_ads", "account_disabled")
    changed = list(polling.changed_objects(client, since, now))
    assert [(event.kind, event.subject) for event in changed] == [
        ("meta_ads.object_changed", made(6)),
        ("meta_ads.object_changed", made(9)),
        ("meta_ads.object_issues", made(9)),
    ]
    assert list(polling.changed_objects(client, since, now)) == changed
    [account] = polling.account_status(client, since, now)
    assert (account.subject, account.facts["account_status"]) == ("1000000000000001", "2")
    leads = list(polling.leads(client, since.replace(month=1, day=4), now))
    assert list(polling.leads(client_of(sandbox), since.replace(month=1, day=4), now)) == []  # no page, no leads
    assert [(event.provider_event_id, event.subject) for event in leads] == [(f"lead:{told['id']}", told["id"])]


def test_people_go_in_chunks_and_leave_hashed(sandbox: RunningSandbox) -> None:
    client = client_of(sandbox)
    crowd = [AudiencePerson(email=f"person{number}@example.com") for number in range(10_001)]
    assert client.add_people(AUDIENCE, crowd) == PeopleTaken(10_001, 0)
    first, second = sandbox.control.writes("meta_ads", "add_people")
    assert "example.com" not in first.text + second.text
    assert '\\"batch_seq\\":2,\\"last_batch_flag\\":true' in second.text
    assert [(row.smallest, row.largest) for row in client.list_audiences()] == [(10_000, 10_100)]
    assert client.remove_people(AUDIENCE, crowd[:9_950]) == PeopleTaken(9_950, 0)
    assert [(row.smallest, row.largest) for row in client.list_audiences()] == [(0, 100)]


def test_a_token_of_somebody_else_and_a_wrong_proof(sandbox: RunningSandbox) -> None:
    with pytest.raises(Exception, match="190/467"):
        client_of(sandbox, token="stolen").account()
    proofless = build(connection("meta_ads", sandbox, {**SECRETS, "app_secret": "wrong"}, **SETTINGS))
    with pytest.raises(Refused, match="appsecret_proof"):
        proofless.account()
