"""Insights: at once for what is small, as a report that Meta prepares for what is large. One call serves all objects of the account."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.meta_ads.drafts import InsightQuery
from integrations.meta_ads.records import Insight, ReportRun
from integrations.meta_ads.structure import StructureCalls
from integrations.meta_graph.client import Row

PAGE = 500
IDS: Mapping[str, str] = {"account": "account_id", "campaign": "campaign_id", "adset": "adset_id", "ad": "ad_id"}
FIGURES = "impressions,reach,clicks,spend,frequency,actions,action_values"
TOO_MUCH = "100/1487534"  # the code of `Refused` when so many rows are to be had as a report only, or in shorter spans


class ReportCalls(StructureCalls):
    """Figures of one account."""

    def insights(self, query: InsightQuery) -> list[Insight]:
        """The figures, now. Objects without delivery have no row. Raises `Refused` (`TOO_MUCH`) for more than Meta computes at once."""
        rows = self._graph.pages("insights", self._account_id, "insights", params=_asked(query))
        return list(self._insights("insights", rows, query))

    def start_report(self, query: InsightQuery) -> str:
        """Let Meta prepare a report; returns the id of its run. Each call starts one more."""
        answer = self._graph.post("start_report", self._account_id, "insights", params=_asked(query))
        return self._graph.text("start_report", answer, "report_run_id")

    def report_run(self, run_id: str) -> ReportRun:
        """How far a report is."""
        fields = "id,async_status,async_percent_completion,error_message,error_user_msg"
        row = self._graph.get("report_run", run_id, params={"fields": fields})
        return ReportRun(
            self._graph.text("report_run", row, "id"),
            self._graph.text("report_run", row, "async_status").removeprefix("Job "),
            self._graph.number("report_run", row, "async_percent_completion"),
            str(row.get("error_user_msg") or row.get("error_message") or ""),
        )

    def report_insights(self, run_id: str, query: InsightQuery) -> list[Insight]:
        """The rows of a report that is ready; `query` is the one it was started with."""
        rows = self._graph.pages("report_insights", run_id, "insights", params={"limit": PAGE})
        return list(self._insights("report_insights", rows, query))

    def _insights(self, operation: str, rows: Iterator[Row], query: InsightQuery) -> Iterator[Insight]:
        own = IDS[query.level]
        for row in rows:
            yield Insight(
                object_id=self._graph.text(operation, row, own),
                since=self._day(operation, row, "date_start"),
                until=self._day(operation, row, "date_stop"),
                impressions=self._graph.number(operation, row, "impressions"),
                reach=self._count(operation, row, "reach"),
                clicks=self._count(operation, row, "clicks"),
                spend=self._graph.decimal(operation, row, "spend"),
                frequency=Decimal(str(row.get("frequency") or 0)),
                actions=self._by_type(operation, row, "actions"),
                action_values=self._by_type(operation, row, "action_values"),
                parents={name: str(row[name]) for name in IDS.values() if name != own and row.get(name)},
                breakdown={name: str(row.get(name) or "") for name in query.breakdowns},
            )

    def _day(self, operation: str, row: Row, name: str) -> date:
        try:
            return date.fromisoformat(self._graph.text(operation, row, name))
        except ValueError:
            raise self._graph.missing(operation, f"day in {name}") from None

    def _count(self, operation: str, row: Row, name: str) -> int:
        """A count that Meta leaves out where it is none, or where a breakdown does not allow it."""
        return self._graph.number(operation, row, name) if name in row else 0

    def _by_type(self, operation: str, row: Row, name: str) -> dict[str, Decimal]:
        """Counts or money by action type; nothing where nobody acted."""
        if name not in row:
            return {}
        try:
            return {
                self._graph.text(operation, each, "action_type"): Decimal(self._graph.text(operation, each, "value"))
                for each in self._graph.rows(operation, row, name)
            }
        except InvalidOperation:
            raise self._graph.missing(operation, f"number in {name}") from None


def _asked(query: InsightQuery) -> dict[str, Any]:
    """The parameters of a query, the same for both ways."""
    levels = list(IDS)
    ids = [IDS[level] for level in levels[: levels.index(query.level) + 1]]
    params: dict[str, Any] = {
        "level": query.level,
        "fields": ",".join([*ids, *FIGURES.split(",")]),
        "time_range": {"since": query.since.isoformat(), "until": query.until.isoformat()},
        "limit": PAGE,
    }
    if query.is_daily:
        params["time_increment"] = 1
    if query.breakdowns:
        params["breakdowns"] = list(query.breakdowns)
    if query.campaign_ids:
        params["filtering"] = [{"field": "campaign.id", "operator": "IN", "value": list(query.campaign_ids)}]
    if query.attribution:
        params["action_attribution_windows"] = list(query.attribution)
    return params
