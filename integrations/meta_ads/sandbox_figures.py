"""Insights of an imitated ad account: the same figures for the same seed, ad and day; and reports that take their time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from integrations.meta_graph.sandbox_graph import structure, top_names

from .sandbox_tree import Bad, Thing, Tree

IDS = {"account": "account_id", "campaign": "campaign_id", "adset": "adset_id", "ad": "ad_id"}
MOST_ROWS = 2_000  # that are computed at once; a report may have more
BREAKDOWNS = {
    "publisher_platform": (("facebook", 60), ("instagram", 40)),
    "gender": (("female", 55), ("male", 45)),
    "age": (("18-24", 20), ("25-34", 50), ("35-44", 30)),
}
STAGES = ((2.0, "Job Not Started", 0), (4.0, "Job Started", 0), (8.0, "Job Running", 60), (10.0, "Job Completed", 97))


@dataclass(slots=True)
class Sums:
    """Delivery of some ads in some days. Money is in hundredths."""

    impressions: int = 0
    clicks: int = 0
    leads: int = 0
    purchases: int = 0
    spend: int = 0

    def add(self, other: Sums, percent: int = 100) -> None:
        """Add a share of another's delivery."""
        for name in ("impressions", "clicks", "leads", "purchases", "spend"):
            setattr(self, name, getattr(self, name) + getattr(other, name) * percent // 100)


@dataclass(slots=True)
class Run:
    """One report: its rows are made when it is read."""

    id: str
    given: Mapping[str, str]
    began: float


class Figures:
    """What an account's ads brought."""

    def __init__(self, tree: Tree, account_id: str, time_zone: str, seed: str) -> None:
        self._tree, self._account_id, self._seed = tree, account_id, seed
        self._zone = ZoneInfo(time_zone)
        self.runs: dict[str, Run] = {}

    def rows(self, given: Mapping[str, str], *, most: int = MOST_ROWS) -> list[dict[str, Any]]:
        """The rows of a query. Raises Bad."""
        level, spans = self._asked(given)
        ads = [ad for ad in self._tree.things.values() if ad.level == "ad" and self._wanted(ad, given)]
        groups: dict[str, list[Thing]] = {}
        for ad in ads:
            key = self._account_id if level == "account" else ad.id if level == "ad" else ad.row[IDS[level]]
            groups.setdefault(key, []).append(ad)
        splits = self._splits(given)
        if len(groups) * len(spans) * len(splits) > most:
            raise Bad("Please reduce the amount of data you're asking for, then retry your request", 1487534)
        fields = set(top_names(given.get("fields", "impressions,spend")))
        found = []
        for since, until in spans:
            for members in groups.values():
                whole = self._sums(members, since, until)
                for split, percent in splits:
                    part = Sums()
                    part.add(whole, percent)
                    if part.impressions:
                        found.append(self._row(level, members[0], part, since, until, fields) | split)
        return found

    def progress(self, run: Run, provider_seconds: float) -> dict[str, Any]:
        """A run as Meta shows it: completed is said a moment before its last rows are there."""
        for ends, words, percent in STAGES:
            if provider_seconds < ends:
                return {"id": run.id, "async_status": words, "async_percent_completion": percent}
        return {"id": run.id, "async_status": "Job Completed", "async_percent_completion": 100}

    def _asked(self, given: Mapping[str, str]) -> tuple[str, list[tuple[date, date]]]:
        level = given.get("level", "account")
        if level not in IDS:
            raise Bad("Param level must be one of {ad, adset, campaign, account}")
        span = structure(given, "time_range")
        try:
            since, until = date.fromisoformat(span["since"]), date.fromisoformat(span["until"])
        except (TypeError, KeyError, ValueError):
            raise Bad("Param time_range must be an object with since and until") from None
        if since > until:
            raise Bad("The start date of the time range cannot be after its end")
        if given.get("time_increment") != "1":
            return level, [(since, until)]
        days = (until - since).days + 1
        return level, [(since + timedelta(days=each), since + timedelta(days=each)) for each in range(days)]

    def _wanted(self, ad: Thing, given: Mapping[str, str]) -> bool:
        filters = structure(given, "filtering") or []
        return all(
            ad.row["campaign_id"] in each.get("value", [])
            for each in filters
            if isinstance(each, dict) and each.get("field") == "campaign.id"
        )

    def _splits(self, given: Mapping[str, str]) -> list[tuple[dict[str, str], int]]:
        names = structure(given, "breakdowns") or []
        if not names:
            return [({}, 100)]
        if len(names) > 1 or names[0] not in BREAKDOWNS:
            raise Bad(f"The combination of breakdowns {names} is not valid")
        return [({names[0]: value}, percent) for value, percent in BREAKDOWNS[names[0]]]

    def _sums(self, ads: list[Thing], since: date, until: date) -> Sums:
        sums = Sums()
        for ad in ads:
            for day in self._days(ad, since, until):
                sums.add(self._day(ad, day))
        return sums

    def _days(self, ad: Thing, since: date, until: date) -> Iterator[date]:
        """The days on which an ad ran: not before it was made, not after today, and only if it runs."""
        if self._tree.effective(ad) not in ("ACTIVE",):
            return
        first = max(since, datetime.fromtimestamp(ad.row["created_time"], UTC).astimezone(self._zone).date())
        last = min(until, datetime.now(self._zone).date())
        for number in range((last - first).days + 1):
            yield first + timedelta(days=number)

    def _day(self, ad: Thing, day: date) -> Sums:
        dice = hashlib.blake2b(f"{self._seed}:{ad.id}:{day}".encode(), digest_size=8).digest()
        impressions = 2_000 + dice[0] * 12
        clicks = impressions * (8 + dice[1] % 12) // 1_000
        purchases = clicks * (2 + dice[3] % 4) // 100
        return Sums(impressions, clicks, clicks * (5 + dice[2] % 10) // 100, purchases, 1_500 + dice[4] * 20)

    def _row(self, level: str, ad: Thing, sums: Sums, since: date, until: date, fields: set[str]) -> dict[str, Any]:
        reach = max(1, sums.impressions * 100 // 140)
        actions = {"link_click": sums.clicks, "lead": sums.leads, "purchase": sums.purchases}
        full: dict[str, Any] = {
            "account_id": self._account_id,
            "impressions": str(sums.impressions),
            "clicks": str(sums.clicks),
            "reach": str(reach),
            "spend": f"{sums.spend / 100:.2f}",
            "frequency": f"{sums.impressions / reach:.6f}",
            "cpc": f"{sums.spend / 100 / sums.clicks:.6f}" if sums.clicks else None,
            "actions": [{"action_type": name, "value": str(count)} for name, count in actions.items() if count],
        }
        if sums.purchases:
            full["action_values"] = [{"action_type": "purchase", "value": f"{sums.purchases * 129.9:.2f}"}]
        ids = {"campaign_id": ad.row["campaign_id"], "adset_id": ad.row["adset_id"], "ad_id": ad.id}
        above = list(IDS.values())[: list(IDS).index(level) + 1]
        full |= {name: value for name, value in ids.items() if name in above}
        shown = {name: value for name, value in full.items() if name in fields and value is not None}
        return {**shown, "date_start": since.isoformat(), "date_stop": until.isoformat()}
