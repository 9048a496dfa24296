"""What campaigns put on the home page."""

import datetime as dt
from collections.abc import Iterable

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from agency.admin.words import duration, moment, number, percent
from agency.kit.home import Figure, Mover, Need, Tone, register_figures, register_movers, register_needs
from agency.models import User
from campaigns.outreach.models import Campaign, Execution
from campaigns.outreach.selectors.home import (
    Week,
    due_campaigns,
    failed_executions,
    open_executions,
    paused_campaigns,
    two_weeks,
)
from campaigns.outreach.selectors.live import live_execution
from campaigns.outreach.selectors.readiness import start_problems
from campaigns.outreach.states import ExecutionState
from messaging.states import RecipientState

STATE = RecipientState
AHEAD = dt.timedelta(hours=24)  # how long before its start a campaign that could not start is pointed out


def needs(user: User) -> Iterable[Need]:
    """Runs that failed, campaigns that cannot start when they should, campaigns that stand still."""
    now = timezone.now()
    if user.has_perm("outreach.view_execution"):
        yield from map(_failed, failed_executions(user, now))
    if user.has_perm("outreach.view_campaign"):
        for campaign in due_campaigns(user, now + AHEAD):
            problems = start_problems(campaign, now)
            if problems:
                yield _cannot_start(campaign, problems[0].text)
        for campaign in paused_campaigns(user):
            yield Need(
                title=_("%(campaign)s is paused") % {"campaign": campaign.name},
                text=_("%(client)s · nobody is written to until it is resumed or cancelled.")
                % {"client": campaign.client},
                url=_campaign_url(campaign),
                tone=Tone.LOOK,
            )


def movers(user: User) -> Iterable[Mover]:
    """Runs under way with their bars, and campaigns that begin today."""
    if not user.has_perm("outreach.view_campaign"):
        return
    if user.has_perm("outreach.view_execution"):
        yield from map(_running, open_executions(user))
    midnight = (timezone.localtime() + dt.timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    for campaign in due_campaigns(user, midnight):
        yield Mover(
            title=campaign.name,
            text=_("%(client)s · %(channel)s campaign")
            % {"client": campaign.client, "channel": campaign.get_channel_display()},
            url=_campaign_url(campaign),
            tone=Tone.WAITING,
            icon="schedule",
            at=campaign.next_run_at,
        )


def figures(user: User) -> Iterable[Figure]:
    """Sent, delivered, replied and failed, of the runs that began in the last seven days."""
    if not user.has_perm("outreach.view_execution"):
        return
    now, before = two_weeks(user, timezone.now())
    if not now.runs and not before.runs:
        return
    sent, sent_before = now.funnel.accepted, before.funnel.accepted
    runs = ngettext("%(number)s run", "%(number)s runs", now.runs) % {"number": number(now.runs)}
    yield Figure(
        label=pgettext("share of messages", "Sent"),
        value=number(sent),
        of=_("of %(number)s people in %(runs)s") % {"number": number(now.funnel.targeted), "runs": runs},
        trend=_("%(number)s in the 7 days before") % {"number": number(sent_before)},
        rises=None if sent == sent_before or not before.runs else sent > sent_before,
    )
    reached = (STATE.DELIVERED, STATE.READ, STATE.REPLIED, STATE.COMPLETED)
    yield _rate(
        pgettext("share of messages", "Delivered"),
        _("of %(number)s sent"),
        now,
        before,
        reached,
        (STATE.SENT, *reached),
    )
    yield _rate(
        pgettext("share of messages", "Replied"), _("of %(number)s delivered"), now, before, reached[2:], reached
    )
    everybody = tuple(STATE)
    yield _rate(
        pgettext("share of messages", "Failed"), _("of %(number)s people"), now, before, (STATE.FAILED,), everybody
    )


def _rate(
    label: str,
    of: str,
    now: Week,
    before: Week,
    part: tuple[RecipientState, ...],
    whole: tuple[RecipientState, ...],
) -> Figure:
    share, total = now.funnel.of(*part), now.funnel.of(*whole)
    past_share, past_total = before.funnel.of(*part), before.funnel.of(*whole)
    trend, rises = _("nothing to compare with"), None
    if total and past_total:
        points = round(100 * (share / total - past_share / past_total), 1)
        rises = None if not points else points > 0
        values = {"points": number_format(abs(points), 1), "before": percent(past_share, past_total)}
        words = _("as before, %(before)s")
        if points:
            words = _("up %(points)s points from %(before)s") if rises else _("down %(points)s points from %(before)s")
        trend = words % values
    return Figure(label, percent(share, total), of % {"number": number(total)}, trend, rises)


def _failed(execution: Execution) -> Need:
    return Need(
        title=_("Run %(number)s of %(campaign)s failed") % {"number": execution.number, "campaign": execution.campaign},
        text=execution.error or _("It could not be carried out."),
        url=_execution_url(execution),
        tone=Tone.BROKEN,
        since=execution.finished_at or execution.started_at,
    )


def _cannot_start(campaign: Campaign, problem: str) -> Need:
    return Need(
        title=_("%(campaign)s cannot start as planned") % {"campaign": campaign.name},
        text=problem,
        url=_campaign_url(campaign),
        tone=Tone.BROKEN,
    )


def _running(execution: Execution) -> Mover:
    live = live_execution(execution.pk)
    targeted = live.funnel.targeted
    done = targeted - live.funnel.of(STATE.PENDING, STATE.LEASED)
    parts = [str(execution.campaign.client), str(ExecutionState(live.state).label)]
    parts.append(_("%(done)s of %(targeted)s people") % {"done": number(done), "targeted": number(targeted)})
    if live.per_second >= 1:
        parts.append(_("%(rate)s a second") % {"rate": number(round(live.per_second))})
    if live.frozen:
        parts.append(_("waits: all sending is frozen (%(why)s)") % {"why": live.frozen})
    elif live.opens_at:
        parts.append(_("waits until %(opens)s, as its sending rules say") % {"opens": moment(live.opens_at)})
    left = (live.finish_at - timezone.now()).total_seconds() if live.finish_at else 0
    if left >= 1:
        parts.append(_("about %(left)s left") % {"left": duration(left)})
    paused = execution.state == ExecutionState.PAUSED
    return Mover(
        title=execution.campaign.name,
        text=" · ".join(parts),
        url=_campaign_url(execution.campaign),
        tone=Tone.LOOK if paused or live.frozen else Tone.MOVING,
        icon="pause_circle" if paused else "play_circle",
        percent=live.prepared if live.prepared < 100 else 100 * done / max(targeted, 1),
    )


def _campaign_url(campaign: Campaign) -> str:
    return reverse("admin:outreach_campaign_change", args=(campaign.pk,))


def _execution_url(execution: Execution) -> str:
    return reverse("admin:outreach_execution_change", args=(execution.pk,))


register_needs(needs)
register_movers(movers)
register_figures(figures)
