"""From the rows that Meta answers to our records; a field that must be there and is not is an `UnexpectedResponse`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from integrations.meta_ads.records import Ad, AdImage, AdSet, Campaign, Creative, Issue, Status
from integrations.meta_graph.client import Graph, Row

Amount = Callable[[str, Row, str], Decimal | None]


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads the rows of one operation. The fields named here are those that are asked for."""

    CAMPAIGN: ClassVar[str] = (
        "id,name,objective,status,effective_status,special_ad_categories,daily_budget,lifetime_budget,"
        "created_time,updated_time,issues_info"
    )
    AD_SET: ClassVar[str] = (
        "id,campaign_id,name,status,effective_status,optimization_goal,billing_event,daily_budget,lifetime_budget,"
        "bid_amount,targeting,learning_stage_info,created_time,updated_time,issues_info"
    )
    AD: ClassVar[str] = (
        "id,campaign_id,adset_id,name,status,effective_status,creative{id},created_time,updated_time,"
        "ad_review_feedback,issues_info"
    )
    CREATIVE: ClassVar[str] = "id,name,status,title,body,image_hash,thumbnail_url"

    graph: Graph
    operation: str
    amount: Amount

    def campaign(self, row: Row) -> Campaign:
        """A campaign."""
        categories = row.get("special_ad_categories")
        return Campaign(
            id=self._text(row, "id"),
            name=self._text(row, "name"),
            objective=self._text(row, "objective"),
            status=self._status(row),
            effective_status=self._text(row, "effective_status"),
            special_ad_categories=tuple(str(each) for each in categories or ()),
            daily_budget=self.amount(self.operation, row, "daily_budget"),
            lifetime_budget=self.amount(self.operation, row, "lifetime_budget"),
            created_at=self.graph.time(self.operation, row, "created_time"),
            updated_at=self.graph.time(self.operation, row, "updated_time"),
            issues=_issues(row),
        )

    def ad_set(self, row: Row) -> AdSet:
        """An ad set."""
        return AdSet(
            id=self._text(row, "id"),
            campaign_id=self._text(row, "campaign_id"),
            name=self._text(row, "name"),
            status=self._status(row),
            effective_status=self._text(row, "effective_status"),
            optimization_goal=self._text(row, "optimization_goal"),
            billing_event=self._text(row, "billing_event"),
            daily_budget=self.amount(self.operation, row, "daily_budget"),
            lifetime_budget=self.amount(self.operation, row, "lifetime_budget"),
            bid_amount=self.amount(self.operation, row, "bid_amount"),
            targeting=_object(row, "targeting"),
            learning=str(_object(row, "learning_stage_info").get("status") or ""),
            created_at=self.graph.time(self.operation, row, "created_time"),
            updated_at=self.graph.time(self.operation, row, "updated_time"),
            issues=_issues(row),
        )

    def ad(self, row: Row) -> Ad:
        """An ad."""
        creative = _object(row, "creative")
        return Ad(
            id=self._text(row, "id"),
            campaign_id=self._text(row, "campaign_id"),
            ad_set_id=self._text(row, "adset_id"),
            creative_id=self._text(creative, "id"),
            name=self._text(row, "name"),
            status=self._status(row),
            effective_status=self._text(row, "effective_status"),
            created_at=self.graph.time(self.operation, row, "created_time"),
            updated_at=self.graph.time(self.operation, row, "updated_time"),
            review_feedback=_feedback(row),
            issues=_issues(row),
        )

    def creative(self, row: Row) -> Creative:
        """A creative; Meta leaves out whatever it has none of."""
        optional = {name: str(row.get(name) or "") for name in ("title", "body", "image_hash", "thumbnail_url")}
        return Creative(
            id=self._text(row, "id"), name=self._text(row, "name"), status=str(row.get("status") or ""), **optional
        )

    def image(self, row: Row) -> AdImage:
        """An image of the library."""
        return AdImage(self._text(row, "hash"), str(row.get("name") or ""), str(row.get("url") or ""))

    def _text(self, row: Row, name: str) -> str:
        return self.graph.text(self.operation, row, name)

    def _status(self, row: Row) -> Status:
        try:
            return Status(self._text(row, "status"))
        except ValueError:
            raise self.graph.missing(self.operation, "known status") from None


def _issues(row: Row) -> tuple[Issue, ...]:
    found = row.get("issues_info")
    return tuple(
        Issue(
            str(each.get("level") or ""),
            str(each.get("error_code") or ""),
            str(each.get("error_summary") or ""),
            str(each.get("error_message") or ""),
        )
        for each in (found if isinstance(found, list) else ())
        if isinstance(each, Mapping)
    )


def _feedback(row: Row) -> Mapping[str, str]:
    """Why the review refused an ad: `ad_review_feedback` in the SDK, `review_feedback` in Meta's pages of 2026; the same inside."""
    feedback = _object(row, "ad_review_feedback") or _object(row, "review_feedback")
    found = {str(policy): str(words) for policy, words in _object(feedback, "global").items()}
    for placed in _object(feedback, "placement_specific").values():
        if isinstance(placed, Mapping):
            found |= {str(policy): str(words) for policy, words in placed.items()}
    return found


def _object(row: Row, name: str) -> Mapping[str, Any]:
    found = row.get(name)
    return found if isinstance(found, Mapping) else {}
