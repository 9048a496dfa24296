"""The campaigns, ad sets, ads, creatives and images of an imitated ad account: what is there from the seed, and what Meta lets one do."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.meta_graph.sandbox_graph import refused, structure
from integrations.sandbox.wire import Response, json_response

BORN = 1_767_225_600  # 2026-01-01 UTC, when everything of the seed was made
BELOW = {"campaign": "adset", "adset": "ad"}
PARENT = {"adset": "campaign_id", "ad": "adset_id"}
SPECIAL = {"NONE", "HOUSING", "EMPLOYMENT", "CREDIT", "FINANCIAL_PRODUCTS_SERVICES"} | {
    "ISSUES_ELECTIONS_POLITICS",
    "ONLINE_GAMBLING_AND_GAMING",
}
OBJECTIVES = {f"OUTCOME_{word}" for word in ("SALES", "LEADS", "TRAFFIC", "ENGAGEMENT", "AWARENESS", "APP_PROMOTION")}
STATUSES = {"ACTIVE", "PAUSED", "ARCHIVED", "DELETED"}
LEAST_BUDGET = 100  # smallest units
BUDGET_CHANGES = 4  # of one ad set in an hour
FORBIDDEN = ("milagre", "garantido")  # words in a creative that the review refuses
CAMPAIGNS = (
    ("Vendas", "OUTCOME_SALES", "ACTIVE"),
    ("Leads", "OUTCOME_LEADS", "ACTIVE"),
    ("Marca", "OUTCOME_AWARENESS", "PAUSED"),
)


class Bad(Exception):
    """A parameter that Meta does not take."""

    def __init__(self, message: str, subcode: int | None = None, code: str = "100") -> None:
        super().__init__(message)
        self.response = refused(code, message if code != "100" else f"(#100) {message}", subcode=subcode)


@dataclass(slots=True)
class Thing:
    """A campaign, ad set, ad or creative. `row` is what Meta shows but for what is computed."""

    level: str
    row: dict[str, Any]
    review: str = ""  # of an ad: PENDING_REVIEW, DISAPPROVED, or nothing once it is approved
    budget_changes: list[float] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Meta's id."""
        return str(self.row["id"])


class Tree:
    """One account's objects. `number` is the account's digits."""

    def __init__(self, number: str, seed: str) -> None:
        self._number, self._seed = number, seed
        self.things: dict[str, Thing] = {}
        self.images: dict[str, dict[str, Any]] = {}
        self._made = 0
        self._plant()

    def of_level(self, level: str, below: str = "") -> Iterator[Thing]:
        """All of a level, or those below one object."""
        for thing in self.things.values():
            if thing.level != level or thing.row["status"] == "DELETED":
                continue
            if not below or below in (thing.row.get("campaign_id"), thing.row.get("adset_id")):
                yield thing

    def shown(self, thing: Thing) -> dict[str, Any]:
        """The row as Meta shows it, with what follows from its parents and its review."""
        return {**thing.row, "effective_status": self.effective(thing)}

    def effective(self, thing: Thing) -> str:
        """Whether it really runs."""
        own = str(thing.row["status"])
        if own in ("DELETED", "ARCHIVED") or thing.level in ("campaign", "creative"):
            return own
        if thing.level == "ad" and thing.review:
            return thing.review
        for parent, word in (
            (thing.row.get("adset_id"), "ADSET_PAUSED"),
            (thing.row["campaign_id"], "CAMPAIGN_PAUSED"),
        ):
            if parent and own == "ACTIVE" and self.things[parent].row["status"] != "ACTIVE":
                return word
        return own

    # Making

    def make(self, level: str, given: Mapping[str, str], now: float) -> Thing:
        """Make an object. Raises Bad."""
        row = self.checked(level, given)
        thing = Thing(level, {"id": self._new_id(), **row, **_times(now)}, "PENDING_REVIEW" if level == "ad" else "")
        self.things[thing.id] = thing
        return thing

    def checked(self, level: str, given: Mapping[str, str]) -> dict[str, Any]:
        """The row that these parameters would make. Raises Bad."""
        if not given.get("name"):
            raise Bad("The parameter name is required")
        match level:
            case "campaign":
                row = self._campaign(given)
            case "adset":
                row = self._ad_set(given)
            case "ad":
                row = self._ad(given)
            case _:
                row = self._creative(given)
        status = given.get("status", "ACTIVE" if level == "creative" else "PAUSED")
        if status not in STATUSES:
            raise Bad("Param status must be one of {ACTIVE, PAUSED, DELETED, ARCHIVED}")
        return {"name": given["name"], "status": status, **row}

    def put_image(self, content: str, name: str) -> dict[str, Any]:
        """Keep an image; the same bytes have the same hash. Raises Bad."""
        try:
            raw = base64.b64decode(content, validate=True)
        except binascii.Error:
            raise Bad("Invalid image: the bytes are not base64", 1487411) from None
        if not raw:
            raise Bad("The parameter bytes is required")
        key = hashlib.md5(raw, usedforsecurity=False).hexdigest()
        url = f"https://scontent.test/{key}.png"
        return self.images.setdefault(
            key, {"id": f"{self._number}:{key}", "hash": key, "name": name or key, "url": url}
        )

    def _campaign(self, given: Mapping[str, str]) -> dict[str, Any]:
        if given.get("objective") not in OBJECTIVES:
            raise Bad("Param objective must be one of {OUTCOME_SALES, OUTCOME_LEADS, …}", 1815715)
        categories = structure(given, "special_ad_categories")
        if not isinstance(categories, list):
            raise Bad("The parameter special_ad_categories is required.", 2446394)
        if set(categories) - SPECIAL:
            raise Bad(f"Param special_ad_categories must be among {sorted(SPECIAL)}")
        if set(categories) - {"NONE"} and not structure(given, "special_ad_category_country"):
            raise Bad("The parameter special_ad_category_country is required for special ad categories.")
        budget = _budget(given)
        if not budget and given.get("is_adset_budget_sharing_enabled") not in ("true", "false"):
            raise Bad("Must specify True or False in is_adset_budget_sharing_enabled field", 4834011)
        return {"objective": given["objective"], "special_ad_categories": categories, **budget}

    def _ad_set(self, given: Mapping[str, str]) -> dict[str, Any]:
        campaign = self._existing("campaign", given.get("campaign_id", ""), "campaign_id")
        for name in ("optimization_goal", "billing_event"):
            if not given.get(name):
                raise Bad(f"The parameter {name} is required")
        targeting = structure(given, "targeting")
        if not isinstance(targeting, dict) or not targeting.get("geo_locations"):
            raise Bad("Your ad set's targeting must have geo_locations", 1885364)
        special = set(campaign.row["special_ad_categories"]) - {"NONE"}
        if special and ({"age_min", "age_max", "genders"} & set(targeting)):
            raise Bad(f"Ads about {', '.join(sorted(special))} cannot be targeted by age or gender", 2909033)
        budget = _budget(given)
        if bool(budget) == bool(campaign.row.get("daily_budget") or campaign.row.get("lifetime_budget")):
            raise Bad("A budget stands either on the campaign or on each of its ad sets", 1885621)
        if "lifetime_budget" in budget and not given.get("end_time"):
            raise Bad("An ad set with a lifetime budget needs an end_time", 1487793)
        row: dict[str, Any] = {
            "campaign_id": campaign.id,
            "optimization_goal": given["optimization_goal"],
            "billing_event": given["billing_event"],
            "targeting": targeting,
            "learning_stage_info": {"status": "LEARNING"},
            **budget,
        }
        if given.get("bid_amount"):
            row["bid_amount"] = int(given["bid_amount"])
        return row

    def _ad(self, given: Mapping[str, str]) -> dict[str, Any]:
        ad_set = self._existing("adset", given.get("adset_id", ""), "adset_id")
        creative = structure(given, "creative")
        wanted = creative.get("creative_id") if isinstance(creative, dict) else ""
        found = self._existing("creative", str(wanted or ""), "creative")
        return {"adset_id": ad_set.id, "campaign_id": ad_set.row["campaign_id"], "creative": {"id": found.id}}

    def _creative(self, given: Mapping[str, str]) -> dict[str, Any]:
        story = structure(given, "object_story_spec")
        link = story.get("link_data") if isinstance(story, dict) else None
        if not isinstance(link, dict) or not story.get("page_id") or not link.get("link"):
            raise Bad("object_story_spec needs a page_id and a link", 1443048)
        image = link.get("image_hash")
        if image and image not in self.images:
            raise Bad("Image hash is not in the account's library", 1487411)
        return {
            "title": link.get("name"),
            "body": link.get("message"),
            "image_hash": image,
            "thumbnail_url": self.images[image]["url"] if image else None,
            "object_story_spec": story,
        }

    # Changing

    def change(self, thing: Thing, given: Mapping[str, str], now: float) -> None:
        """Change an object. Raises Bad, having changed nothing."""
        new: dict[str, Any] = {}
        if "name" in given:
            new["name"] = given["name"]
        if "status" in given:
            if given["status"] not in STATUSES:
                raise Bad("Param status must be one of {ACTIVE, PAUSED, DELETED, ARCHIVED}")
            new["status"] = given["status"]
        if "creative" in given and thing.level == "ad":
            creative = structure(given, "creative") or {}
            new["creative"] = {"id": self._existing("creative", str(creative.get("creative_id", "")), "creative").id}
        budget = _budget(given)
        for name in budget:
            if name not in thing.row:
                raise Bad(f"{name} cannot be set: the budget stands elsewhere, or is of the other kind", 1885621)
        recent = [at for at in thing.budget_changes if now - at < 3600]
        changes_budget = any(thing.row[name] != value for name, value in budget.items())
        if changes_budget and thing.level == "adset" and len(recent) >= BUDGET_CHANGES:
            raise Bad("You can only change your ad set budget 4 times per hour", 1487632, "613")
        if not new and not budget:
            raise Bad("No parameter to change was given")
        if changes_budget:
            thing.budget_changes = [*recent, now]
        if "creative" in new:
            thing.review = "PENDING_REVIEW"
        thing.row |= new | budget | {"updated_time": _times(now)["updated_time"]}

    def copy(self, source: Thing, status: str, suffix: str, is_deep: bool, now: float) -> list[tuple[Thing, Thing]]:
        """Pairs of source and copy, the outermost first."""
        pairs = [(source, self._twin(source, {}, status, suffix, now))]
        for original, twin in pairs:
            below = BELOW.get(original.level, "")
            if not is_deep or not below:
                continue
            for child in list(self.of_level(below, original.id)):
                if child.row.get(PARENT[below]) == original.id and child.id not in {new.id for _old, new in pairs}:
                    above = {PARENT[below]: twin.id} | (
                        {"campaign_id": twin.row["campaign_id"]} if below == "ad" else {}
                    )
                    pairs.append((child, self._twin(child, above, status, suffix, now)))
        return pairs

    def _twin(self, source: Thing, above: Mapping[str, str], status: str, suffix: str, now: float) -> Thing:
        row = {**source.row, **above, **_times(now), "id": self._new_id(), "name": f"{source.row['name']}{suffix}"}
        if status != "INHERITED_FROM_SOURCE":
            row["status"] = status
        twin = Thing(source.level, row, "PENDING_REVIEW" if source.level == "ad" else "")
        self.things[twin.id] = twin
        return twin

    def refuses(self, ad: Thing) -> bool:
        """Whether the review refuses what an ad shows."""
        creative = self.things[ad.row["creative"]["id"]]
        words = f"{creative.row.get('title')} {creative.row.get('body')}".lower()
        return any(word in words for word in FORBIDDEN)

    def _existing(self, level: str, thing_id: str, name: str) -> Thing:
        thing = self.things.get(thing_id)
        if thing is None or thing.level != level or thing.row["status"] == "DELETED":
            raise Bad(f"Invalid {name}: there is no such {level}", 1487202)
        return thing

    def _new_id(self) -> str:
        self._made += 1
        return f"2385{self._number[-6:]}{self._made:07}"

    def _plant(self) -> None:
        """Three campaigns of two ad sets of two ads each, all made on the first day of 2026."""
        image = self.put_image(base64.b64encode(f"png of {self._seed}".encode()).decode(), "produto.png")
        for place, (name, objective, status) in enumerate(CAMPAIGNS):
            budget = {"daily_budget": "15000"} if place == 0 else {}
            row: dict[str, Any] = {
                "name": name,
                "objective": objective,
                "status": status,
                "special_ad_categories": [],
                **budget,
            }
            campaign = self._planted("campaign", row)
            for audience in ("Frio", "Quente"):
                ad_set = self._planted("adset", _seeded_ad_set(campaign, f"{name} {audience}", own_budget=not budget))
                for variant in ("A", "B"):
                    text = {"title": f"{name} {variant}", "body": "Conheça", "image_hash": image["hash"]}
                    creative = self._planted(
                        "creative", {"name": f"{name} {audience} {variant}", "status": "ACTIVE", **text}
                    )
                    row = {"name": f"{name} {audience} {variant}", "status": "ACTIVE", "creative": {"id": creative.id}}
                    self._planted("ad", {**row, "adset_id": ad_set.id, "campaign_id": campaign.id})

    def _planted(self, level: str, row: Mapping[str, Any]) -> Thing:
        thing = Thing(level, {"id": self._new_id(), **row, **_times(BORN)})
        self.things[thing.id] = thing
        return thing


def _seeded_ad_set(campaign: Thing, name: str, *, own_budget: bool) -> dict[str, Any]:
    return {
        "campaign_id": campaign.id,
        "name": name,
        "status": "ACTIVE",
        "optimization_goal": "OFFSITE_CONVERSIONS",
        "billing_event": "IMPRESSIONS",
        "targeting": {"geo_locations": {"countries": ["BR"]}},
        "learning_stage_info": {"status": "SUCCESS"},
        **({"daily_budget": "5000"} if own_budget else {}),
    }


def _budget(given: Mapping[str, str]) -> dict[str, str]:
    """The budget among the parameters. Raises Bad."""
    found = {name: given[name] for name in ("daily_budget", "lifetime_budget") if given.get(name)}
    if len(found) == 2:
        raise Bad("Set either daily_budget or lifetime_budget", 1885619)
    for name, value in found.items():
        if not value.isdecimal():
            raise Bad(f"Param {name} must be an integer")
        if int(value) < LEAST_BUDGET:
            raise Bad("Your budget is too low", 1885272)
    return found


def _times(now: float) -> dict[str, Any]:
    return {"created_time": int(now), "updated_time": int(now)}


def taken(thing: Thing) -> Response:
    """The answer to a creation."""
    return json_response(200, {"id": thing.id})
