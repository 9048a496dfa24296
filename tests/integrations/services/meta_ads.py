"""Meta Marketing API."""

import time
from datetime import date
from decimal import Decimal

from integrations.errors import AuthenticationFailed, RateLimited, Refused, TemporaryFailure
from integrations.facts import ConnectionFacts
from integrations.meta_ads.client import MetaAdsClient
from integrations.meta_ads.drafts import (
    Change,
)
from integrations.meta_ads.records import (
    Ad,
    AdImage,
    AdSet,
    Audience,
    BatchFailure,
    Campaign,
    Copied,
    Creative,
    Insight,
    Lead,
    LeadForm,
    PeopleTaken,
    ReportRun,
    Status,
)
from integrations.sandbox.runner import RunningSandbox
from tests.integrations.services.cases import Case, Contract, connection, equals
from tests.integrations.services.meta_ads_examples import (
    ACCOUNT,
    AD,
    AD_SET,
    ALL,
    AUDIENCE,
    BORN,
    CAMPAIGN,
    CREATIVE,
    FORM,
    HASH,
    LEAD,
    NOVEMBER,
    PAGE,
    PEOPLE,
    SECRETS,
    SETTINGS,
    made,
)


def facts(sandbox: RunningSandbox) -> ConnectionFacts:
    return connection("meta_ads", sandbox, SECRETS, **SETTINGS)


def campaigns(rows: list[Campaign]) -> None:
    assert rows[0] == Campaign(
        id=made(1),
        name="Vendas",
        objective="OUTCOME_SALES",
        status=Status.ACTIVE,
        effective_status="ACTIVE",
        special_ad_categories=(),
        daily_budget=Decimal("150.00"),
        lifetime_budget=None,
        created_at=BORN,
        updated_at=BORN,
    )
    assert [(row.name, row.effective_status, row.daily_budget) for row in rows[1:]] == [
        ("Leads", "ACTIVE", None),
        ("Marca", "PAUSED", None),
    ]


def ad_sets(rows: list[AdSet]) -> None:
    assert [row.name for row in rows] == [
        f"{name} {audience}" for name in ("Vendas", "Leads", "Marca") for audience in ("Frio", "Quente")
    ]
    assert rows[2] == AdSet(
        id=made(13),
        campaign_id=made(12),
        name="Leads Frio",
        status=Status.ACTIVE,
        effective_status="ACTIVE",
        optimization_goal="OFFSITE_CONVERSIONS",
        billing_event="IMPRESSIONS",
        daily_budget=Decimal("50.00"),
        lifetime_budget=None,
        bid_amount=None,
        targeting={"geo_locations": {"countries": ["BR"]}},
        learning="SUCCESS",
        created_at=BORN,
        updated_at=BORN,
    )
    assert [row.effective_status for row in rows[4:]] == ["CAMPAIGN_PAUSED"] * 2


def ads(rows: list[Ad]) -> None:
    assert len(rows) == 12
    assert rows[0] == Ad(
        id=made(4),
        campaign_id=made(1),
        ad_set_id=made(2),
        creative_id=made(3),
        name="Vendas Frio A",
        status=Status.ACTIVE,
        effective_status="ACTIVE",
        created_at=BORN,
        updated_at=BORN,
    )


def creatives(rows: list[Creative]) -> None:
    assert len(rows) == 12
    assert (rows[0].id, rows[0].name, rows[0].title, rows[0].body) == (made(3), "Vendas Frio A", "Vendas A", "Conheça")
    assert len(rows[0].image_hash) == 32


def images(rows: list[AdImage]) -> None:
    assert [(row.name, len(row.hash)) for row in rows] == [("produto.png", 32)]


def is_new_id(found: str) -> None:
    assert int(found) > int(made(33))


def is_audience_id(found: str) -> None:
    assert int(found) > int(AUDIENCE)


def daily(rows: list[Insight]) -> None:
    assert {row.object_id for row in rows} == {made(1), made(12)}
    assert [row.since for row in rows] == sorted([date(2026, 11, day) for day in range(1, 21)] * 2)
    assert all(row.since == row.until and row.impressions > row.clicks > 0 < row.spend for row in rows)
    assert all(set(row.actions) >= {"link_click", "lead"} for row in rows)


def whole(rows: list[Insight]) -> None:
    assert [(row.object_id, row.since, row.until) for row in rows] == [
        (made(1), ALL.since, ALL.until),
        (made(12), ALL.since, ALL.until),
    ]


def started(client: MetaAdsClient) -> ReportRun:
    return client.report_run(client.start_report(ALL))


def is_on_its_way(run: ReportRun) -> None:
    assert (run.status, run.percent) in [
        ("Not Started", 0),
        ("Started", 0),
        ("Running", 60),
        ("Completed", 97),
        ("Completed", 100),
    ]
    assert run.is_ready is (run.percent == 100)


def whole_report(client: MetaAdsClient) -> tuple[list[Insight], list[Insight]]:
    """A report from start to end, beside the same figures at once."""
    run_id = client.start_report(NOVEMBER)
    while not client.report_run(run_id).is_ready:
        time.sleep(0.02)
    return client.report_insights(run_id, NOVEMBER), client.insights(NOVEMBER)


def alike(both: tuple[list[Insight], list[Insight]]) -> None:
    assert both[0] == both[1]
    daily(both[0])


def copied(found: Copied) -> None:
    assert list(found.copies) == [made(number) for number in (23, 24, 29, 26, 28, 31, 33)]
    assert found.copies[made(23)] == found.id


def lead(found: Lead) -> None:
    assert found == Lead(LEAD, FORM, "", BORN, {"full_name": ("Ana Souza",), "email": ("ana@example.com",)})


def changes(client: MetaAdsClient) -> list[BatchFailure]:
    pause = Change(status=Status.PAUSED)
    return client.update_many({made(4): pause, "1": pause, made(13): Change(daily_budget=Decimal("61.20"))})


LIST = ("data", "data[].id", "data[].name", "data[].status", "data[].effective_status", "data[].created_time")
CONTRACT = Contract(
    slug="meta_ads",
    connect=facts,
    refused_operation="create_campaign",
    refusals={
        "1": TemporaryFailure,
        "2": TemporaryFailure,
        "4": RateLimited,
        "10": AuthenticationFailed,
        "17": RateLimited,
        "100": Refused,
        "100/1487534": Refused,
        "102": AuthenticationFailed,
        "190": AuthenticationFailed,
        "200": AuthenticationFailed,
        "341": RateLimited,
        "368": AuthenticationFailed,
        "506": Refused,
        "613": RateLimited,
        "2635": Refused,
        "80000": RateLimited,
        "80003": RateLimited,
        "80004": RateLimited,
        "80005": RateLimited,
    },
    cases=(
        Case(
            "account",
            lambda client: client.account(),
            equals(ACCOUNT),
            required=(
                *("id", "name", "account_status", "disable_reason", "currency"),
                *("timezone_name", "balance", "amount_spent"),
            ),
            is_live=True,
        ),
        Case(
            "list_campaigns",
            lambda client: client.list_campaigns(),
            campaigns,
            required=(*LIST, "data[].objective", "data[].updated_time", "paging.cursors.after"),
            is_live=True,
        ),
        Case(
            "list_ad_sets",
            lambda client: client.list_ad_sets(),
            ad_sets,
            required=(*LIST, "data[].campaign_id", "data[].optimization_goal", "data[].billing_event"),
            is_live=True,
        ),
        Case(
            "list_ads",
            lambda client: client.list_ads(),
            ads,
            required=(*LIST, "data[].adset_id", "data[].campaign_id", "data[].creative.id"),
            is_live=True,
        ),
        Case(
            "list_creatives",
            lambda client: client.list_creatives(),
            creatives,
            required=("data", "data[].id", "data[].name"),
            is_live=True,
        ),
        Case(
            "list_images", lambda client: client.list_images(), images, required=("data", "data[].hash"), is_live=True
        ),
        Case(
            "validate",
            lambda client: client.validate(CAMPAIGN),
            equals(None),
            required=("success",),
            wire="create_campaign",
            is_live=True,
        ),
        Case("create_campaign", lambda client: client.create_campaign(CAMPAIGN), is_new_id, required=("id",)),
        Case("create_ad_set", lambda client: client.create_ad_set(AD_SET), is_new_id, required=("id",)),
        Case("create_creative", lambda client: client.create_creative(CREATIVE), is_new_id, required=("id",)),
        Case("create_ad", lambda client: client.create_ad(AD), is_new_id, required=("id",)),
        Case(
            "upload_image",
            lambda client: client.upload_image(b"\x89PNG", name="natal.png"),
            equals(AdImage(HASH, "natal.png", f"https://scontent.test/{HASH}.png")),
            required=("images", "images.*.hash"),
        ),
        Case(
            "update",
            lambda client: client.update(made(4), Change(name="Vendas Frio C", status=Status.PAUSED)),
            equals(None),
            required=("success",),
        ),
        Case(
            "update_many",
            changes,
            lambda found: equals([("1", "100/33")])([(each.object_id, each.code) for each in found]),
            required=("[].code", "[].body"),
            writes=2,
        ),
        Case(
            "copy",
            lambda client: client.copy(made(23), suffix=" (2)"),
            copied,
            required=(
                *("copied_campaign_id", "ad_object_ids"),
                *("ad_object_ids[].source_id", "ad_object_ids[].copied_id"),
            ),
        ),
        Case(
            "insights",
            lambda client: client.insights(NOVEMBER),
            daily,
            required=(
                *("data", "data[].campaign_id", "data[].impressions", "data[].spend", "data[].date_start"),
                *("data[].date_stop", "data[].actions[].action_type", "data[].actions[].value"),
            ),
            is_live=True,
        ),
        Case(
            "start_report",
            lambda client: client.start_report(ALL),
            lambda run_id: equals(True)(run_id.isdecimal()),
            required=("report_run_id",),
        ),
        Case(
            "report_run",
            started,
            is_on_its_way,
            required=("id", "async_status", "async_percent_completion"),
            writes=1,
        ),
        Case(
            "report_insights",
            whole_report,
            alike,
            required=("data", "data[].campaign_id", "data[].impressions", "data[].spend", "data[].date_start"),
            writes=1,
        ),
        Case(
            "list_audiences",
            lambda client: client.list_audiences(),
            equals([Audience(AUDIENCE, "Clientes", "CUSTOM", None, None, 200, "Normal")]),
            required=("data", "data[].id", "data[].name", "data[].subtype", "data[].operation_status.code"),
            is_live=True,
        ),
        Case("create_audience", lambda client: client.create_audience("Leads"), is_audience_id, required=("id",)),
        Case(
            "create_lookalike",
            lambda client: client.create_lookalike("Parecidos", origin_id=AUDIENCE, country="BR"),
            is_audience_id,
            required=("id",),
            wire="create_audience",
        ),
        Case(
            "add_people",
            lambda client: client.add_people(AUDIENCE, PEOPLE),
            equals(PeopleTaken(3, 1)),
            required=("num_received", "num_invalid_entries"),
        ),
        Case(
            "remove_people",
            lambda client: client.remove_people(AUDIENCE, PEOPLE[:1]),
            equals(PeopleTaken(1, 0)),
            required=("num_received", "num_invalid_entries"),
        ),
        Case(
            "list_lead_forms",
            lambda client: client.list_lead_forms(PAGE),
            equals(
                [LeadForm(FORM, "Orçamento", "ACTIVE", "https://loja.example/privacidade", ("Aceito receber contato",))]
            ),
            required=("data", "data[].id", "data[].name", "data[].status"),
        ),
        Case(
            "list_leads",
            lambda client: client.list_leads(FORM, since=BORN),
            lambda rows: equals(["Carla Dias", "Bruno Lima"])([row.answers["full_name"][0] for row in rows]),
            required=(
                *("data", "data[].id", "data[].created_time", "data[].field_data"),
                *("data[].field_data[].name", "data[].field_data[].values"),
            ),
        ),
        Case(
            "lead",
            lambda client: client.lead(LEAD),
            lead,
            required=("id", "created_time", "field_data", "field_data[].name", "field_data[].values"),
        ),
        Case(
            "subscribe_app",
            lambda client: client.subscribe_app(
                "ad_account", ["effective_status"], "https://agency.example/webhooks/x"
            ),
            equals(None),
            required=("success",),
        ),
        Case("subscribe_account", lambda client: client.subscribe_account(), equals(None), required=("success",)),
        Case("subscribe_page", lambda client: client.subscribe_page(PAGE), equals(None), required=("success",)),
        Case(
            "health",
            lambda client: client.look(),
            equals(ACCOUNT),
            required=("id", "name"),
            wire="account",
            is_live=True,
        ),
    ),
)
