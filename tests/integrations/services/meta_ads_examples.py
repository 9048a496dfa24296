"""What the cases of Meta's Marketing API ask for, and what the sandbox's seed holds."""

from datetime import UTC, date, datetime
from decimal import Decimal

from integrations.meta_ads.drafts import AudiencePerson, InsightQuery, NewAd, NewAdSet, NewCampaign, NewCreative
from integrations.meta_ads.records import AdAccount

SECRETS = {
    "access_token": "sandbox-meta-token",
    "app_secret": "sandbox-app-secret",
    "verify_token": "sandbox-verify-token",
}
SETTINGS = {"ad_account_id": "act_1000000000000001", "app_id": "900000000000001"}
PAGE, FORM, AUDIENCE, LEAD = "400000000000001", "500000000000001", "61000001000001", "72000001000002"
HASH = "3bdaf5969285188ac756c339f69f5c79"  # of four bytes
BORN = datetime(2026, 1, 1, tzinfo=UTC)
NOVEMBER = InsightQuery("campaign", date(2026, 11, 1), date(2026, 11, 20), is_daily=True)
ALL = InsightQuery("campaign", date(2026, 11, 1), date(2026, 11, 20))
ACCOUNT = AdAccount(
    id="act_1000000000000001",
    name="Loja",
    status=1,
    disable_reason=0,
    currency="BRL",
    time_zone="America/Sao_Paulo",
    balance=Decimal("45.30"),
    spent=Decimal("12345.67"),
    spend_cap=None,
    funding="Visa *1234",
)


def made(number: int) -> str:
    """The id of what the seed made as its number-th."""
    return f"2385000001{number:07}"


CAMPAIGN = NewCampaign("Natal", "OUTCOME_SALES", daily_budget=Decimal("50.00"))
AD_SET = NewAdSet(
    campaign_id=made(12),
    name="Natal frio",
    optimization_goal="LEAD_GENERATION",
    billing_event="IMPRESSIONS",
    targeting={"geo_locations": {"countries": ["BR"]}},
    daily_budget=Decimal("25.50"),
)
CREATIVE = NewCreative(
    "Natal A", PAGE, "https://loja.example/natal", "Presentes", headline="Natal", call_to_action="SHOP_NOW"
)
AD = NewAd(made(2), "Natal A", made(3))
PEOPLE = [
    AudiencePerson("ana@example.com", "+5581999990000"),
    AudiencePerson(),
    AudiencePerson(email="Rui@example.com "),
]
