"""The moving part of a run's page: the same fragment for the first view and for every update."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from agency.admin.words import Tone, duration, moment, number
from campaigns.outreach.admin.bars import bars_of
from campaigns.outreach.admin.words import TONES
from campaigns.outreach.models import Execution
from campaigns.outreach.selectors.curve import sent_curve
from campaigns.outreach.selectors.live import Live, live_execution
from campaigns.outreach.states import ExecutionState
from messaging.states import Reason, RecipientState

STATE = RecipientState
TEMPLATE = "outreach/live.html"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the funnel: how many, of whom, and where the people are listed."""

    label: str
    number: str
    share: float  # percent of everybody targeted, the bar's length
    rate: str  # "82.1 % of sent"
    tone: str
    url: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Why some people were not sent a message."""

    label: str
    number: str
    tone: str
    url: str


def live_fragment(execution_id: int) -> tuple[str, bool]:
    """The fragment in the active language, and whether it is the last: from one look, so that the end is always shown."""
    context = live_context(execution_id)
    return render_to_string(TEMPLATE, context), context["live"].ended


def live_context(execution_id: int) -> dict[str, Any]:
    """What the fragment shows."""
    live = live_execution(execution_id)
    curve = sent_curve(Execution.objects.get(pk=execution_id)) if live.funnel.accepted else None
    done = live.funnel.targeted - live.funnel.of(STATE.PENDING, STATE.LEASED)
    state = ExecutionState(live.state)
    return {
        "live": live,
        "state_label": state.label,
        "tone": TONES.get(state, Tone("waiting", "circle")),
        "steps": _steps(live, execution_id),
        "reasons": _reasons(live, execution_id),
        "targeted": number(live.funnel.targeted),
        "done": number(done),
        "percent": 100 * done / live.funnel.targeted if live.funnel.targeted else 0,
        "rate": number(round(live.per_second)) if live.per_second >= 1 else "",
        **_end(live),
        "curve": bars_of(curve.points, curve.step) if curve else None,
        "curve_label": _("Messages sent over time"),
        "opens": moment(live.opens_at) if live.opens_at and not live.ended else "",
        "adds_up": _adds_up(live) if live.ended else "",
    }


def _end(live: Live) -> dict[str, str]:
    """When it would be done, and how long that is."""
    if live.finish_at is None or live.ended:
        return {"finish": "", "left": ""}
    left = max(0.0, (live.finish_at - timezone.now()).total_seconds())
    return {"finish": moment(live.finish_at), "left": duration(left)}


def _people(execution_id: int, *states: RecipientState, reason: Reason | None = None) -> str:
    query: list[tuple[str, int]] = [("state", int(state)) for state in states]
    if reason is not None:
        query.append(("reason", int(reason)))
    return f"{reverse('admin:outreach_execution_people', args=(execution_id,))}?{urlencode(query)}"


def _steps(live: Live, execution_id: int) -> list[Step]:
    reached = (STATE.SENT, STATE.DELIVERED, STATE.READ, STATE.REPLIED, STATE.COMPLETED)
    total = live.funnel.targeted

    def step(label: str, states: tuple[RecipientState, ...], of: int, of_words: str, tone: str) -> Step:
        count = live.funnel.of(*states)
        rate = f"{_percent(count, of)} {of_words}" if count else ""
        return Step(
            label, number(count), 100 * count / total if total else 0, rate, tone, _people(execution_id, *states)
        )

    sent, delivered = live.funnel.of(*reached), live.funnel.of(*reached[1:])
    return [
        step(_("waiting"), (STATE.PENDING,), total, _("of targeted"), "waiting"),
        step(_("sent"), reached, total, _("of targeted"), "moving"),
        step(_("delivered"), reached[1:], sent, _("of sent"), "done"),
        step(_("read"), reached[2:], delivered, _("of delivered"), "done"),
        step(_("replied"), reached[3:], delivered, _("of delivered"), "done"),
        step(_("skipped"), (STATE.SKIPPED,), total, _("of targeted"), "look"),
        step(_("failed"), (STATE.FAILED,), total, _("of targeted"), "broken"),
        step(_("unknown"), (STATE.UNKNOWN,), total, _("of targeted"), "look"),
    ]


def _percent(count: int, of: int) -> str:
    share = 100 * count / of
    if 0 < share < 0.1:
        return f"< {number_format(0.1, 1)} %"
    digits = 1 if share < 10 else 0
    return f"{number_format(round(share, digits), digits)} %"  # rounded first: Django cuts digits off


def _reasons(live: Live, execution_id: int) -> list[NotSent]:
    found = []
    for state, tone in ((STATE.SKIPPED, "look"), (STATE.FAILED, "broken"), (STATE.UNKNOWN, "look")):
        for reason, count in live.funnel.by_reason(state).items():
            found.append(NotSent(str(reason.label), number(count), tone, _people(execution_id, state, reason=reason)))
    return found


def _adds_up(live: Live) -> str:
    reached = live.funnel.accepted
    parts = {
        "targeted": number(live.funnel.targeted),
        "sent": number(reached),
        "skipped": number(live.funnel.of(STATE.SKIPPED)),
        "failed": number(live.funnel.of(STATE.FAILED)),
        "unknown": number(live.funnel.of(STATE.UNKNOWN)),
    }
    return (
        _("%(targeted)s targeted = %(sent)s sent + %(skipped)s skipped + %(failed)s failed + %(unknown)s unknown")
        % parts
    )
