"""What we ask Meta to make or change. Amounts are in the ad account's currency; everything starts paused unless said otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from integrations.meta_ads.records import Status


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """A campaign to be. `special_ad_categories` is always declared to Meta; empty means: none applies.

    Without a budget of its own, `shares_budget` says whether its ad sets may lend each other up to a fifth of theirs.
    """

    name: str
    objective: str  # OUTCOME_SALES, OUTCOME_LEADS, OUTCOME_TRAFFIC …
    special_ad_categories: tuple[str, ...] = ()
    special_ad_countries: tuple[str, ...] = ()
    daily_budget: Decimal | None = None
    lifetime_budget: Decimal | None = None
    bid_strategy: str = ""
    shares_budget: bool = False
    status: Status = Status.PAUSED


@dataclass(frozen=True, slots=True)
class NewAdSet:
    """An ad set to be. `targeting` and `promoted_object` are Meta's own objects; `ends_at` is needed with a lifetime budget."""

    campaign_id: str
    name: str
    optimization_goal: str
    billing_event: str
    targeting: Mapping[str, Any]
    daily_budget: Decimal | None = None
    lifetime_budget: Decimal | None = None
    bid_amount: Decimal | None = None
    bid_strategy: str = ""
    promoted_object: Mapping[str, str] = field(default_factory=dict)
    destination_type: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    beneficiary: str = ""  # who benefits and who pays: asked for in the European Union
    payor: str = ""
    status: Status = Status.PAUSED


@dataclass(frozen=True, slots=True)
class NewCreative:
    """A post with a link, as a page shows it in an ad."""

    name: str
    page_id: str
    link: str
    message: str
    headline: str = ""
    description: str = ""
    image_hash: str = ""
    call_to_action: str = ""  # SHOP_NOW, LEARN_MORE, SIGN_UP …
    lead_form_id: str = ""
    url_tags: str = ""


@dataclass(frozen=True, slots=True)
class NewAd:
    """An ad to be; Meta reviews it before it runs."""

    ad_set_id: str
    name: str
    creative_id: str
    status: Status = Status.PAUSED


@dataclass(frozen=True, slots=True)
class Change:
    """What changes about a campaign, ad set, ad or creative; what is None stays."""

    name: str | None = None
    status: Status | None = None
    daily_budget: Decimal | None = None
    lifetime_budget: Decimal | None = None
    bid_amount: Decimal | None = None
    ends_at: datetime | None = None
    creative_id: str | None = None


@dataclass(frozen=True, slots=True)
class InsightQuery:
    """Which figures: of which level, between which days of the account (both included), in one sum or day by day."""

    level: str  # account, campaign, adset, ad
    since: date
    until: date
    is_daily: bool = False
    breakdowns: tuple[str, ...] = ()
    campaign_ids: tuple[str, ...] = ()
    attribution: tuple[str, ...] = ()  # windows such as 7d_click; empty: the account's own


@dataclass(frozen=True, slots=True)
class AudiencePerson:
    """Somebody of an audience, hashed before it leaves; one of both is enough."""

    email: str = ""
    phone: str = ""  # E.164
