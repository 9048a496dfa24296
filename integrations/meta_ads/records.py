"""What stands at Meta, as the rest of the platform sees it. Amounts are in the ad account's currency, times are aware and in UTC.

States that Meta adds to now and then (`effective_status`, objectives) are texts as Meta writes them; those that we set are `Status`.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any


class Status(enum.StrEnum):
    """What a campaign, ad set or ad is set to; whether it really runs is its `effective_status`."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ARCHIVED = "ARCHIVED"
    DELETED = "DELETED"


class AccountStatus(enum.IntEnum):
    """Whether an ad account may spend."""

    ACTIVE = 1
    DISABLED = 2
    UNSETTLED = 3
    PENDING_RISK_REVIEW = 7
    PENDING_SETTLEMENT = 8
    IN_GRACE_PERIOD = 9
    PENDING_CLOSURE = 100
    CLOSED = 101


@dataclass(frozen=True, slots=True)
class AdAccount:
    """An ad account. `status` is one of `AccountStatus`, or a number that Meta added; `spend_cap` is None without one."""

    id: str  # act_…
    name: str
    status: int
    disable_reason: int
    currency: str
    time_zone: str
    balance: Decimal
    spent: Decimal
    spend_cap: Decimal | None
    is_prepaid: bool = False
    funding: str = ""

    @property
    def is_active(self) -> bool:
        """Whether ads of the account may run; in the grace period after a failed payment they still do."""
        return self.status in (AccountStatus.ACTIVE, AccountStatus.IN_GRACE_PERIOD)


@dataclass(frozen=True, slots=True)
class Issue:
    """Something Meta finds wrong with a campaign, ad set or ad. The texts are localised: match on `code`."""

    level: str
    code: str
    summary: str
    message: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign; its budget is None when its ad sets have their own."""

    id: str
    name: str
    objective: str
    status: Status
    effective_status: str
    special_ad_categories: tuple[str, ...]
    daily_budget: Decimal | None
    lifetime_budget: Decimal | None
    created_at: datetime
    updated_at: datetime
    issues: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True)
class AdSet:
    """An ad set. `learning` is Meta's word for its learning stage: LEARNING, SUCCESS, FAIL, or nothing."""

    id: str
    campaign_id: str
    name: str
    status: Status
    effective_status: str
    optimization_goal: str
    billing_event: str
    daily_budget: Decimal | None
    lifetime_budget: Decimal | None
    bid_amount: Decimal | None
    targeting: Mapping[str, Any]
    learning: str
    created_at: datetime
    updated_at: datetime
    issues: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True)
class Ad:
    """An ad. `review_feedback` says why it was disapproved: policy → explanation."""

    id: str
    campaign_id: str
    ad_set_id: str
    creative_id: str
    name: str
    status: Status
    effective_status: str
    created_at: datetime
    updated_at: datetime
    review_feedback: Mapping[str, str] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()

    @property
    def is_disapproved(self) -> bool:
        """Whether Meta's review refused it."""
        return self.effective_status == "DISAPPROVED"


@dataclass(frozen=True, slots=True)
class Creative:
    """What an ad shows."""

    id: str
    name: str
    status: str
    title: str
    body: str
    image_hash: str
    thumbnail_url: str


@dataclass(frozen=True, slots=True)
class AdImage:
    """An image in the account's library; the same bytes have the same hash."""

    hash: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy: its own id, and for everything below it the copy's id by the source's."""

    id: str
    copies: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BatchFailure:
    """One change of many that Meta did not take."""

    object_id: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Insight:
    """Figures of one object in one span, days being those of the account's time zone. Without delivery there is no row.

    `actions` counts by Meta's action type ("lead", "purchase", "link_click"); `action_values` is money by the same.
    """

    object_id: str  # of the level asked for
    since: date
    until: date
    impressions: int
    reach: int
    clicks: int
    spend: Decimal
    frequency: Decimal
    actions: Mapping[str, Decimal]
    action_values: Mapping[str, Decimal]
    parents: Mapping[str, str] = field(default_factory=dict)  # campaign_id, adset_id … of what stands above
    breakdown: Mapping[str, str] = field(default_factory=dict)  # e.g. {"age": "25-34"}

    @property
    def ctr(self) -> Decimal:
        """Clicks in percent of impressions, as Meta counts it."""
        return self.clicks * 100 / Decimal(self.impressions) if self.impressions else Decimal(0)


@dataclass(frozen=True, slots=True)
class ReportRun:
    """A report that Meta prepares. Its rows may be read once `is_ready`: completed is not enough while percent are missing."""

    id: str
    status: str  # Not Started, Started, Running, Completed, Failed, Skipped
    percent: int
    error: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether the rows may be read."""
        return self.status == "Completed" and self.percent == 100

    @property
    def is_failed(self) -> bool:
        """Whether it will never be ready."""
        return self.status in ("Failed", "Skipped")


@dataclass(frozen=True, slots=True)
class Audience:
    """A custom or lookalike audience; the bounds are None until Meta has counted."""

    id: str
    name: str
    kind: str  # CUSTOM, LOOKALIKE, WEBSITE …
    smallest: int | None
    largest: int | None
    operation: int  # 200: ready; Meta's code of what is going on otherwise
    operation_text: str


@dataclass(frozen=True, slots=True)
class PeopleTaken:
    """How many rows of an upload Meta read, and how many it could not."""

    received: int
    invalid: int


@dataclass(frozen=True, slots=True)
class LeadForm:
    """A lead form. `consents` are the texts of its consent boxes; a form without any has an empty tuple."""

    id: str
    name: str
    status: str
    privacy_policy_url: str
    consents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lead:
    """Somebody who filled in a lead form; `answers` by the question's key. `ad_id` is empty for an organic lead."""

    id: str
    form_id: str
    ad_id: str
    created_at: datetime
    answers: Mapping[str, tuple[str, ...]]
