"""The page of all services: by category, with state, latency, what to do, quota and cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agency.admin.asked import signed_in
from agency.admin.base import MONEY
from agency.admin.words import money
from integrations.admin.connection_words import STATE_TONES, STATE_WORDS, latency_words
from integrations.manifest import CATEGORY_TITLES
from integrations.models import Connection
from integrations.selectors.overview import ServiceLine, ServiceState, connection_state, service_lines
from integrations.selectors.visible import visible_connections

MOST_SHOWN = 8  # connections of one service on the page; the list has the rest


@dataclass(frozen=True, slots=True)
class Shown:
    """A state as colour, icon and word."""

    word: str
    tone: str
    icon: str


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """One connection below its service."""

    name: str
    url: str
    of: str
    state: Shown
    latency: str
    todo: str
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service as the page shows it."""

    title: str
    purpose: str
    state: Shown
    latency: str
    todo: str
    quota: str
    cost: str
    connections: tuple[ConnectionRow, ...]
    more: int
    list_url: str
    add_url: str


def services_context(request: HttpRequest) -> dict[str, Any]:
    """What the template shows, of the connections that the reader sees."""
    user = signed_in(request)
    lines = service_lines(visible_connections(user))
    sees_money, adds = user.has_perm(MONEY), user.has_perm("integrations.add_connection")
    groups: dict[str, list[ServiceRow]] = {}
    for line in lines:
        row = _service_row(line, sees_money=sees_money, adds=adds)
        groups.setdefault(str(CATEGORY_TITLES[line.manifest.category]), []).append(row)
    return {"groups": groups, "summary": _summary(lines), "sees_money": sees_money}


def _summary(lines: Iterable[ServiceLine]) -> str:
    states = [line.state for line in lines]
    used = sum(state not in (ServiceState.ABSENT, ServiceState.OFF) for state in states)
    troubled = sum(state in (ServiceState.FAILED, ServiceState.DEGRADED) for state in states)
    all_of_them = len(states)
    words = ngettext(
        "%(used)s of %(all)s service is connected.", "%(used)s of %(all)s services are connected.", all_of_them
    ) % {"used": used, "all": all_of_them}
    if not troubled:
        quiet = _("None of them is in trouble.")
        return f"{words} {quiet}" if used else words
    trouble = ngettext("%(number)s needs you.", "%(number)s need you.", troubled) % {"number": troubled}
    return f"{words} {trouble}"


def _service_row(line: ServiceLine, *, sees_money: bool, adds: bool) -> ServiceRow:
    manifest = line.manifest
    shown = line.connections[:MOST_SHOWN]
    return ServiceRow(
        title=manifest.title,
        purpose=str(manifest.purpose),
        state=_shown(line.state),
        latency=latency_words(line.latency_ms),
        todo=line.error,
        quota=line.usage.quota_left or "–",
        cost=(money(line.usage.cost_today) or "–") if sees_money else "",
        connections=tuple(map(_connection_row, shown)),
        more=len(line.connections) - len(shown),
        list_url=f"{reverse('admin:integrations_connection_changelist')}?service__exact={manifest.slug}",
        add_url=f"{reverse('admin:integrations_connection_add')}?service={manifest.slug}" if adds else "",
    )


def _connection_row(connection: Connection) -> ConnectionRow:
    return ConnectionRow(
        name=connection.name,
        url=reverse("admin:integrations_connection_change", args=(connection.pk,)),
        of=str(connection.client) if connection.client else _("the agency's own"),
        state=_shown(connection_state(connection)),
        latency=latency_words(connection.latency_ms),
        todo=connection.health_text if connection.enabled and connection.health != "ok" else "",
        checked_at=connection.checked_at,
    )


def _shown(state: ServiceState) -> Shown:
    return Shown(str(STATE_WORDS[state]), STATE_TONES[state].name, STATE_TONES[state].icon)
