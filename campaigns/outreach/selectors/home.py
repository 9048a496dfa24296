"""Campaigns for the home page: what needs somebody, what moves, what is due, how the last days were. All from totals."""

import datetime as dt
from dataclasses import dataclass

from agency.selectors.access import Viewer
from campaigns.outreach.models import Campaign, Execution
from campaigns.outreach.selectors.executions import OPEN_EXECUTIONS
from campaigns.outreach.selectors.visible import visible_campaigns, visible_executions
from campaigns.outreach.states import CampaignState, ExecutionState
from messaging.selectors.totals import Funnel, funnel

WEEK = dt.timedelta(days=7)
MOST = 20  # records of one kind


@dataclass(frozen=True, slots=True)
class Week:
    """Everybody in the runs that began in seven days."""

    runs: int
    funnel: Funnel


def paused_campaigns(user: Viewer) -> list[Campaign]:
    """Campaigns that stand still until somebody resumes them."""
    return list(visible_campaigns(user).filter(state=CampaignState.PAUSED).order_by("-id")[:MOST])


def failed_executions(user: Viewer, now: dt.datetime) -> list[Execution]:
    """Runs of the last week that could not be carried out."""
    failed = visible_executions(user).filter(state=ExecutionState.FAILED, started_at__gte=now - WEEK)
    return list(failed.order_by("-id")[:MOST])


def open_executions(user: Viewer) -> list[Execution]:
    """Runs that have not ended, newest first."""
    return list(visible_executions(user).filter(state__in=OPEN_EXECUTIONS).order_by("-id")[:MOST])


def due_campaigns(user: Viewer, until: dt.datetime) -> list[Campaign]:
    """Scheduled campaigns that begin before `until`, soonest first."""
    due = visible_campaigns(user).filter(next_run_at__isnull=False, next_run_at__lt=until)
    return list(due.order_by("next_run_at")[:MOST])


def two_weeks(user: Viewer, now: dt.datetime) -> tuple[Week, Week]:
    """(the last seven days, the seven before): the people of the runs that began then."""
    return _week(user, now - WEEK, now), _week(user, now - 2 * WEEK, now - WEEK)


def _week(user: Viewer, since: dt.datetime, until: dt.datetime) -> Week:
    runs = visible_executions(user).filter(started_at__gte=since, started_at__lt=until)
    jobs = list(runs.order_by().values_list("job_id", flat=True))
    return Week(len(jobs), funnel(jobs))
