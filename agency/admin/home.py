"""The home page: what needs me now, what is moving, how we are doing, how the system is. Packages fill it through `agency.kit.home`.

The page itself asks only cheap questions; the system's state, which may have to wait for something that is down, comes as a part of its own.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from agency.admin.asked import signed_in
from agency.admin.navigation import go_keys
from agency.kit.health import Finding, Health, run_checks, titled_checks
from agency.kit.home import Need, Tone, figure_sources, mover_sources, need_sources
from agency.models import User
from agency.rules.roles import OPERATE_ENGINE

logger = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")
SYSTEM_SECONDS = 10  # how long a look at the system holds, for everybody
FIGURES_SECONDS = 60  # how long one person's figures hold
MOST = 12  # lines of one list; beyond, the lists themselves are the place
WORST_FIRST = (Tone.BROKEN, Tone.LOOK, Tone.WAITING, Tone.MOVING, Tone.DONE)
HEALTH_TONES = {Health.OK: Tone.DONE, Health.DEGRADED: Tone.LOOK, Health.FAILED: Tone.BROKEN}
ICONS = {Tone.DONE: "check_circle", Tone.LOOK: "warning", Tone.BROKEN: "error"}


@dataclass(frozen=True, slots=True)
class SystemLine:
    """One part of the system, for people: state as colour, icon and word."""

    title: str
    word: str
    tone: str
    icon: str
    text: str
    todo: str


def home_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the home page shows besides the admin's own context (`UNFOLD["DASHBOARD_CALLBACK"]`)."""
    user = signed_in(request)
    needs = _needs(user)
    return context | {
        "title": _("Home"),
        "needs": needs[:MOST],
        "needs_more": len(needs) - MOST,
        "figures": _kept(
            f"home:figures:{user.pk}:{get_language()}", FIGURES_SECONDS, lambda: _all(figure_sources(), user)
        ),
        "moving_url": reverse("home_part", args=("moving",)),
        "system_url": reverse("home_part", args=("system",)),
        "first_name": user.first_name or user.get_username(),
        **_moving_context(user),
    }


@require_safe
@never_cache
def home_part(request: HttpRequest, part: str) -> HttpResponse:
    """One part of the page, which its script asks for again and again: `moving`, `system`, or the help for the `keys`."""
    user = signed_in(request)
    if part == "moving":
        return TemplateResponse(request, "admin/batuta/home_moving.html", _moving_context(user))
    if part == "system":
        return TemplateResponse(request, "admin/batuta/home_system.html", _system_context(user))
    if part == "keys":
        return TemplateResponse(request, "admin/batuta/keys.html", {"pages": go_keys(request)})
    raise Http404


def _needs(user: User) -> list[Need]:
    return sorted(_all(need_sources(), user), key=lambda need: WORST_FIRST.index(need.tone))


def _moving_context(user: User) -> dict[str, Any]:
    movers = _all(mover_sources(), user)
    under_way = [mover for mover in movers if mover.at is None]
    to_come = sorted((mover for mover in movers if mover.at is not None), key=lambda mover: str(mover.at))
    return {"under_way": under_way[:MOST], "to_come": to_come[:MOST], "more": max(0, len(movers) - 2 * MOST)}


def _system_context(user: User) -> dict[str, Any]:
    found = _kept(f"home:system:{get_language()}", SYSTEM_SECONDS, lambda: run_checks(only_titled=True))
    titles = titled_checks()
    lines = [_line(str(titles[name]), finding) for name, finding in found.items() if name in titles]
    return {
        "lines": lines,
        "in_detail": user.has_perm(OPERATE_ENGINE),
        "troubled": [line for line in lines if line.tone == Tone.BROKEN],
    }


def _line(title: str, finding: Finding) -> SystemLine:
    words = {Health.OK: _("works"), Health.DEGRADED: _("look at it"), Health.FAILED: _("does not work")}
    tone = HEALTH_TONES[finding.health]
    return SystemLine(title, words[finding.health], tone.value, ICONS[tone], finding.text, finding.todo)


def _all(sources: Sequence[Callable[[Any], Iterable[ResultT]]], user: User) -> list[ResultT]:
    """What every source says. One that breaks is logged and left out: home is where people look when something is broken."""
    found: list[ResultT] = []
    for source in sources:
        try:
            found.extend(source(user))
        except Exception:
            logger.exception("a source of the home page failed", extra={"source": source.__qualname__})
    return found


def _kept(key: str, seconds: int, make: Callable[[], ResultT]) -> ResultT:
    """`make()`, remembered for some seconds; without a cache it is made each time."""
    try:
        kept: ResultT | None = cache.get(key)
        if kept is None:
            kept = make()
            cache.set(key, kept, seconds)
    except RedisError:
        return make()
    return kept
