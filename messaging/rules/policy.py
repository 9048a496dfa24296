"""When may this person be sent this message? One pure function answers; the sender asks it at claim time, the forecast before the start.

`not_before` is `job_not_before` (window, weekdays, holidays, dates: the same for everybody in one zone) and then what concerns the one
person (quiet until, frequency cap). A claim asks the first once per zone, and `not_before` only for contacts that have facts of their own.
"""

import datetime as dt
import heapq
from dataclasses import dataclass

from messaging.rules.send_policy import (
    CapConsequence,
    ConsentRule,
    FrequencyCap,
    SendPolicy,
    ZonePolicy,
)
from messaging.rules.windows import LONGEST_WAIT_DAYS, OpenHours, next_open
from messaging.states import Reason

__all__ = [
    "CapConsequence",
    "ConsentRule",
    "ContactFacts",
    "FrequencyCap",
    "Never",
    "OpenHours",
    "SendPolicy",
    "ZonePolicy",
    "job_not_before",
    "not_before",
]

LONGEST_WAIT = dt.timedelta(days=LONGEST_WAIT_DAYS)
"""A message that cannot go within this time will not go at all."""


@dataclass(frozen=True, slots=True)
class Never:
    """It may not be sent at all, and why."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """What the rules look at in one person. `zone` is the IANA zone that decides (`SendPolicy.zone_name`); `recent_sends` are the instants
    of messages to the person within the cap's days, in any order, of all campaigns."""

    zone: str
    quiet_until: dt.datetime | None = None
    recent_sends: tuple[dt.datetime, ...] = ()


def job_not_before(policy: SendPolicy, zone: str, now: dt.datetime) -> dt.datetime | Never:
    """The earliest instant, `now` or later, that window, weekdays, holidays and blackout dates allow in this zone.

    `Never(BLACKOUT)` when there is none within 400 days. Looked up per policy, zone and minute, so asking for thousands of contacts is cheap.
    """
    opening = next_open(policy.hours, zone, now)
    return Never(Reason.BLACKOUT) if opening is None else opening


def not_before(contact: ContactFacts, policy: SendPolicy, now: dt.datetime) -> dt.datetime | Never:
    """The earliest instant, `now` or later, at which this person may be sent a message of this policy, or never and why.

    Asked again at the answer it gives the same answer, as long as nothing else is sent to the person in between.
    """
    earliest = now
    if contact.quiet_until is not None and contact.quiet_until > earliest:
        earliest = contact.quiet_until
        if earliest - now > LONGEST_WAIT:
            return Never(Reason.QUIET_UNTIL)
    opening = job_not_before(policy, contact.zone, earliest)
    if isinstance(opening, Never) or policy.cap is None:
        return opening
    free = _cap_frees(policy.cap, contact.recent_sends)
    if free is None or free <= opening:
        return opening
    if policy.cap.consequence is CapConsequence.SKIP:
        return Never(Reason.FREQUENCY_CAP)
    return job_not_before(policy, contact.zone, free)


def _cap_frees(cap: FrequencyCap, sends: tuple[dt.datetime, ...]) -> dt.datetime | None:
    """When one more message is allowed: the last but `messages` send has become `days` × 24 hours old. None when it already is."""
    if len(sends) < cap.messages:
        return None
    return heapq.nlargest(cap.messages, sends)[-1] + dt.timedelta(days=cap.days)
