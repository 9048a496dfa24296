"""Campaigns, ad sets, ads and creatives: read, made, changed, copied."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from integrations.meta_ads.account import AccountCalls
from integrations.meta_ads.drafts import Change, NewAd, NewAdSet, NewCampaign, NewCreative
from integrations.meta_ads.reading import Reading
from integrations.meta_ads.records import (
    Ad,
    AdImage,
    AdSet,
    BatchFailure,
    Campaign,
    Copied,
    Creative,
    Status,
)
from integrations.meta_graph.client import Row

PAGE = 100
MOST_IN_BATCH = 50
MOST_BATCHES = 3  # what Meta did not get to in one batch goes into the next
COPIED = {"copied_campaign_id", "copied_adset_id", "copied_ad_id"}

Draft = NewCampaign | NewAdSet | NewCreative | NewAd
_EDGES: Mapping[type[Draft], str] = {
    NewCampaign: "campaigns",
    NewAdSet: "adsets",
    NewCreative: "adcreatives",
    NewAd: "ads",
}


class StructureCalls(AccountCalls):
    """The tree of campaigns of one account."""

    # Reading

    def list_campaigns(self, *, statuses: Sequence[str] = ()) -> list[Campaign]:
        """The account's campaigns; `statuses` narrows by effective status."""
        params = self._listing(Reading.CAMPAIGN, statuses)
        read = self._reading("list_campaigns").campaign
        return [read(row) for row in self._graph.pages("list_campaigns", self._account_id, "campaigns", params=params)]

    def list_ad_sets(
        self, *, campaign_id: str = "", statuses: Sequence[str] = (), updated_since: datetime | None = None
    ) -> list[AdSet]:
        """The ad sets of the account, or of one campaign."""
        params = self._listing(Reading.AD_SET, statuses, updated_since)
        read = self._reading("list_ad_sets").ad_set
        rows = self._graph.pages("list_ad_sets", campaign_id or self._account_id, "adsets", params=params)
        return [read(row) for row in rows]

    def list_ads(
        self, *, ad_set_id: str = "", statuses: Sequence[str] = (), updated_since: datetime | None = None
    ) -> list[Ad]:
        """The ads of the account, or of one ad set."""
        params = self._listing(Reading.AD, statuses, updated_since)
        read = self._reading("list_ads").ad
        return [read(row) for row in self._graph.pages("list_ads", ad_set_id or self._account_id, "ads", params=params)]

    def list_creatives(self) -> list[Creative]:
        """What the account's ads show."""
        params = self._listing(Reading.CREATIVE)
        read = self._reading("list_creatives").creative
        return [
            read(row) for row in self._graph.pages("list_creatives", self._account_id, "adcreatives", params=params)
        ]

    def list_images(self) -> list[AdImage]:
        """The account's library of images."""
        params = self._listing("hash,name,url")
        read = self._reading("list_images").image
        return [read(row) for row in self._graph.pages("list_images", self._account_id, "adimages", params=params)]

    # Making

    def create_campaign(self, new: NewCampaign) -> str:
        """Make a campaign; returns its id. Meta has no key against repetition: an unknown outcome is settled by its name in the list."""
        return self._create("create_campaign", new)

    def create_ad_set(self, new: NewAdSet) -> str:
        """Make an ad set; returns its id."""
        return self._create("create_ad_set", new)

    def create_creative(self, new: NewCreative) -> str:
        """Make a creative; returns its id."""
        return self._create("create_creative", new)

    def create_ad(self, new: NewAd) -> str:
        """Make an ad, which Meta then reviews; returns its id."""
        return self._create("create_ad", new)

    def validate(self, new: Draft) -> None:
        """Let Meta say whether it would take this, without making it. Raises `Refused` with what is wrong."""
        params = {**self._fields(new), "execution_options": ["validate_only"]}
        self._graph.done("validate", self._graph.post("validate", self._account_id, _EDGES[type(new)], params=params))

    def upload_image(self, content: bytes, *, name: str = "") -> AdImage:
        """Put an image into the library; the same bytes again are the same image."""
        params = {"bytes": base64.b64encode(content).decode(), "name": name or None}
        answer = self._graph.post("upload_image", self._account_id, "adimages", params=params)
        images = answer.get("images")
        if not isinstance(images, dict) or not images:
            raise self._graph.missing("upload_image", "images")
        return self._reading("upload_image").image(next(iter(images.values())))

    # Changing

    def update(self, object_id: str, change: Change) -> None:
        """Change a campaign, ad set, ad or creative. Meta allows an ad set four changes of budget an hour."""
        self._graph.done("update", self._graph.post("update", object_id, params=self._changes(change)))

    def update_many(self, changes: Mapping[str, Change]) -> list[BatchFailure]:
        """Change many objects by id, fifty a request; returns those that Meta did not take. What it did not get to is sent again."""
        bodies = {
            object_id: urlencode({name: _text(value) for name, value in self._changes(change).items()})
            for object_id, change in changes.items()
        }
        waiting, failures = list(bodies), list[BatchFailure]()
        rounds = MOST_BATCHES * (len(waiting) // MOST_IN_BATCH + 1)
        while waiting and rounds:
            now, rounds = waiting[:MOST_IN_BATCH], rounds - 1
            items = [{"method": "POST", "relative_url": each, "body": bodies[each]} for each in now]
            left = []
            for object_id, answer in zip(now, self._graph.batch("update_many", items), strict=True):
                if answer is None:
                    left.append(object_id)
                elif failure := self._batch_failure(object_id, answer):
                    failures.append(failure)
            waiting = waiting[MOST_IN_BATCH:] + left
        return failures + [BatchFailure(each, "not_carried_out", "Meta did not get to it") for each in waiting]

    def copy(self, object_id: str, *, is_deep: bool = True, status: str = "PAUSED", suffix: str = "") -> Copied:
        """Copy a campaign, ad set or ad with (`is_deep`) all that is below it. `status` may be INHERITED_FROM_SOURCE."""
        params: dict[str, Any] = {"deep_copy": is_deep, "status_option": status}
        if suffix:
            params["rename_options"] = {"rename_suffix": suffix}
        answer = self._graph.post("copy", object_id, "copies", params=params)
        copied = next((name for name in COPIED if answer.get(name)), "copied_id")
        pairs = self._graph.rows("copy", answer, "ad_object_ids")
        return Copied(
            self._graph.text("copy", answer, copied),
            {
                self._graph.text("copy", each, "source_id"): self._graph.text("copy", each, "copied_id")
                for each in pairs
            },
        )

    # How it is written

    def _create(self, operation: str, new: Draft) -> str:
        answer = self._graph.post(operation, self._account_id, _EDGES[type(new)], params=self._fields(new))
        return self._graph.text(operation, answer, "id")

    def _fields(self, new: Draft) -> dict[str, Any]:
        match new:
            case NewCampaign():
                return self._campaign_fields(new)
            case NewAdSet():
                return self._ad_set_fields(new)
            case NewCreative():
                return _creative_fields(new)
            case NewAd():
                creative = {"creative_id": new.creative_id}
                return {"adset_id": new.ad_set_id, "name": new.name, "creative": creative, "status": new.status}

    def _campaign_fields(self, new: NewCampaign) -> dict[str, Any]:
        has_budget = new.daily_budget is not None or new.lifetime_budget is not None
        return _given(
            name=new.name,
            objective=new.objective,
            status=new.status,
            special_ad_categories=list(new.special_ad_categories),
            special_ad_category_country=list(new.special_ad_countries) or None,
            daily_budget=self._units(new.daily_budget),
            lifetime_budget=self._units(new.lifetime_budget),
            bid_strategy=new.bid_strategy or None,
            is_adset_budget_sharing_enabled=None if has_budget else new.shares_budget,
        )

    def _ad_set_fields(self, new: NewAdSet) -> dict[str, Any]:
        return _given(
            campaign_id=new.campaign_id,
            name=new.name,
            optimization_goal=new.optimization_goal,
            billing_event=new.billing_event,
            targeting=dict(new.targeting),
            daily_budget=self._units(new.daily_budget),
            lifetime_budget=self._units(new.lifetime_budget),
            bid_amount=self._units(new.bid_amount),
            bid_strategy=new.bid_strategy or None,
            promoted_object=dict(new.promoted_object) or None,
            destination_type=new.destination_type or None,
            start_time=_moment(new.starts_at),
            end_time=_moment(new.ends_at),
            dsa_beneficiary=new.beneficiary or None,
            dsa_payor=new.payor or None,
            status=new.status,
        )

    def _changes(self, change: Change) -> dict[str, Any]:
        found = _given(
            name=change.name,
            status=change.status,
            daily_budget=self._units(change.daily_budget),
            lifetime_budget=self._units(change.lifetime_budget),
            bid_amount=self._units(change.bid_amount),
            end_time=_moment(change.ends_at),
            creative={"creative_id": change.creative_id} if change.creative_id else None,
        )
        if not found:
            raise ValueError("a change that changes nothing")
        return found

    def _reading(self, operation: str) -> Reading:
        return Reading(self._graph, operation, self._amount)

    @staticmethod
    def _listing(fields: str, statuses: Sequence[str] = (), updated_since: datetime | None = None) -> dict[str, Any]:
        since = int(updated_since.timestamp()) if updated_since else None
        return _given(fields=fields, limit=PAGE, effective_status=list(statuses) or None, updated_since=since)

    def _batch_failure(self, object_id: str, answer: Row) -> BatchFailure | None:
        """Why an item of a batch was not taken. Raises `UnexpectedResponse` when its answer says neither."""
        status = self._graph.number("update_many", answer, "code")
        try:
            body = orjson.loads(self._graph.text("update_many", answer, "body"))
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise self._graph.missing("update_many", "body in JSON")
        if status == 200 and "error" not in body:
            self._graph.done("update_many", body)
            return None
        error = self._graph.failure("update_many", status, body, {})
        return BatchFailure(object_id, error.code, error.text)


def _creative_fields(new: NewCreative) -> dict[str, Any]:
    call: dict[str, Any] | None = None
    if new.call_to_action:
        call = {"type": new.call_to_action, "value": {"link": new.link}}
        if new.lead_form_id:
            call["value"]["lead_gen_form_id"] = new.lead_form_id
    link = _given(
        link=new.link,
        message=new.message,
        name=new.headline or None,
        description=new.description or None,
        image_hash=new.image_hash or None,
        call_to_action=call,
    )
    story = {"page_id": new.page_id, "link_data": link}
    return _given(name=new.name, object_story_spec=story, url_tags=new.url_tags or None)


def _given(**fields: Any) -> dict[str, Any]:
    """The fields that are given: None is what Meta is not told."""
    return {
        name: str(value) if isinstance(value, Status) else value for name, value in fields.items() if value is not None
    }


def _moment(when: datetime | None) -> str | None:
    return when.isoformat(timespec="seconds") if when else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
