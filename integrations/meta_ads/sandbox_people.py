"""Audiences, lead forms and leads of an imitated ad account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.meta_graph.hashing import is_hash
from integrations.meta_graph.sandbox_graph import structure

from .sandbox_tree import BORN, Bad

MOST_ROWS = 10_000  # people in one request
PEOPLE = ("Ana Souza", "Bruno Lima", "Carla Dias")


@dataclass(slots=True)
class SandboxAudience:
    """One audience. `people` are the rows of hashes as they came."""

    id: str
    name: str
    subtype: str
    people: set[tuple[str, ...]] = field(default_factory=set)

    def row(self) -> dict[str, Any]:
        """As Meta shows it: counted in steps of a hundred, -1 while there is nothing to count."""
        bound = len(self.people) // 100 * 100 if self.people else -1
        return {
            "id": self.id,
            "name": self.name,
            "subtype": self.subtype,
            "approximate_count_lower_bound": bound,
            "approximate_count_upper_bound": bound + 100 if self.people else -1,
            "operation_status": {"code": 200, "description": "Normal"},
            "delivery_status": {
                "code": 200 if self.people else 300,
                "description": "ready" if self.people else "too small",
            },
        }


class People:
    """Whom one account knows."""

    def __init__(self, number: str, page_id: str, form_id: str) -> None:
        self.form_id, self._page_id = form_id, page_id
        self.audiences: dict[str, SandboxAudience] = {}
        self.leads: dict[str, dict[str, Any]] = {}
        self._number = number
        self._made = 0
        self.put_audience({"name": "Clientes", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"})
        for place, name in enumerate(PEOPLE):
            self.put_lead({"full_name": name, "email": f"{name.split()[0].lower()}@example.com"}, BORN + place * 86_400)

    def put_audience(self, given: Mapping[str, str]) -> SandboxAudience:
        """Make an audience. Raises Bad."""
        subtype = given.get("subtype", "")
        if not given.get("name"):
            raise Bad("The parameter name is required")
        if subtype == "LOOKALIKE":
            spec = structure(given, "lookalike_spec")
            if given.get("origin_audience_id") not in self.audiences:
                raise Bad("The parameter origin_audience_id is no audience of this account", 1713098)
            if not isinstance(spec, dict) or not spec.get("country") or not 0.01 <= float(spec.get("ratio", 0)) <= 0.2:
                raise Bad("lookalike_spec needs a country and a ratio between 0.01 and 0.2", 1713007)
        elif subtype != "CUSTOM":
            raise Bad("Param subtype must be one of {CUSTOM, LOOKALIKE}")
        elif not given.get("customer_file_source"):
            raise Bad("The parameter customer_file_source is required", 1870053)
        audience = SandboxAudience(self._new_id("61"), given["name"], subtype)
        self.audiences[audience.id] = audience
        return audience

    def change_people(self, audience: SandboxAudience, given: Mapping[str, str], *, remove: bool) -> dict[str, Any]:
        """Add rows or take them out; what is no hash is counted as invalid. Raises Bad."""
        payload = structure(given, "payload")
        rows = payload.get("data") if isinstance(payload, dict) else None
        if not isinstance(rows, list) or not isinstance(payload.get("schema"), list):
            raise Bad("The parameter payload needs schema and data")
        if len(rows) > MOST_ROWS:
            raise Bad(f"The maximum number of rows is {MOST_ROWS}", 1870034)
        if audience.subtype != "CUSTOM":
            raise Bad("People cannot be added to this kind of audience", 1870047)
        good = {tuple(row) for row in rows if any(row) and all(each == "" or is_hash(str(each)) for each in row)}
        invalid = sum(1 for row in rows if tuple(row) not in good)
        if remove:
            audience.people -= good
        else:
            audience.people |= good
        session = structure(given, "session")
        return {
            "audience_id": audience.id,
            "session_id": str(session.get("session_id", "")) if isinstance(session, dict) else "",
            "num_received": len(rows),
            "num_invalid_entries": invalid,
            "invalid_entry_samples": {},
        }

    def form(self) -> dict[str, Any]:
        """The page's lead form."""
        boxes = [
            {"key": "optin", "text": "Aceito receber contato", "is_required": True, "is_checked_by_default": False}
        ]
        return {
            "id": self.form_id,
            "name": "Orçamento",
            "status": "ACTIVE",
            "privacy_policy_url": "https://loja.example/privacidade",
            "legal_content": {"custom_disclaimer": {"title": "LGPD", "checkboxes": boxes}},
            "page_id": self._page_id,
        }

    def put_lead(self, answers: Mapping[str, str], when: float, ad_id: str = "") -> dict[str, Any]:
        """Somebody fills in the form."""
        lead: dict[str, Any] = {
            "id": self._new_id("72"),
            "created_time": int(when),
            "ad_id": ad_id or None,
            "form_id": self.form_id,
            "field_data": [{"name": name, "values": [value]} for name, value in answers.items()],
        }
        self.leads[lead["id"]] = lead
        return lead

    def leads_since(self, given: Mapping[str, str]) -> list[dict[str, Any]]:
        """The leads of the form, newest first, perhaps after a time only."""
        after = 0
        for each in structure(given, "filtering") or ():
            if (
                isinstance(each, dict)
                and each.get("field") == "time_created"
                and each.get("operator") == "GREATER_THAN"
            ):
                after = int(each.get("value", 0))
        found = [lead for lead in self.leads.values() if lead["created_time"] > after]
        return sorted(found, key=lambda lead: -int(lead["created_time"]))

    def _new_id(self, prefix: str) -> str:
        self._made += 1
        return f"{prefix}{self._number[-6:]}{self._made:06}"
