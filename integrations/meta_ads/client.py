"""An ad account of Meta, through facebook-business: its tree, its figures, its audiences, and the leads of its forms.

One class in four files, each standing on the one before: account, structure (campaigns to ads), reports, audiences, and leads here.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from integrations.facts import ConnectionFacts
from integrations.meta_ads.audiences import AudienceCalls
from integrations.meta_ads.records import Lead, LeadForm
from integrations.meta_graph.client import Row

PAGE = 100
LEAD = "id,created_time,ad_id,form_id,field_data"
FORM = "id,name,status,privacy_policy_url,legal_content"


class MetaAdsClient(AudienceCalls):
    """One ad account. Safe to share between threads."""

    def list_lead_forms(self, page_id: str) -> list[LeadForm]:
        """The lead forms of a page, with the texts of their consent boxes."""
        params = {"fields": FORM, "limit": PAGE}
        return [
            LeadForm(
                self._graph.text("list_lead_forms", row, "id"),
                self._graph.text("list_lead_forms", row, "name"),
                self._graph.text("list_lead_forms", row, "status"),
                str(row.get("privacy_policy_url") or ""),
                _consents(row),
            )
            for row in self._graph.pages("list_lead_forms", page_id, "leadgen_forms", params=params)
        ]

    def list_leads(self, form_id: str, *, since: datetime | None = None) -> list[Lead]:
        """Who filled in a form, all of them or those after a time: also how leads are found whose webhook was lost."""
        params: dict[str, Any] = {"fields": LEAD, "limit": PAGE}
        if since is not None:
            after = {"field": "time_created", "operator": "GREATER_THAN", "value": int(since.timestamp())}
            params["filtering"] = [after]
        return [
            self._lead("list_leads", row) for row in self._graph.pages("list_leads", form_id, "leads", params=params)
        ]

    def lead(self, lead_id: str) -> Lead:
        """One lead; its webhook says the id only."""
        return self._lead("lead", self._graph.get("lead", lead_id, params={"fields": LEAD}))

    def _lead(self, operation: str, row: Row) -> Lead:
        answers: dict[str, tuple[str, ...]] = {}
        for each in self._graph.rows(operation, row, "field_data"):
            values = each.get("values")
            if not isinstance(values, list):
                raise self._graph.missing(operation, "field_data[].values")
            answers[self._graph.text(operation, each, "name")] = tuple(str(value) for value in values)
        return Lead(
            self._graph.text(operation, row, "id"),
            str(row.get("form_id") or ""),
            str(row.get("ad_id") or ""),
            self._graph.time(operation, row, "created_time"),
            answers,
        )


def _consents(row: Row) -> tuple[str, ...]:
    """The texts beside a form's consent boxes."""
    legal = row.get("legal_content")
    disclaimer = legal.get("custom_disclaimer") if isinstance(legal, Mapping) else None
    boxes = disclaimer.get("checkboxes") if isinstance(disclaimer, Mapping) else None
    return tuple(
        str(each.get("text") or "") for each in (boxes if isinstance(boxes, list) else ()) if isinstance(each, Mapping)
    )


def build(connection: ConnectionFacts) -> MetaAdsClient:
    """The client for one connection. Raises `NotConfigured`."""
    return MetaAdsClient(connection)
