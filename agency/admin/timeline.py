"""What happened to a record, in words: audit entries as the lines of its page."""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from agency.models import AuditEntry

FRESH = dt.timedelta(minutes=1)  # until then a line says "just now"


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """Something that happened to a record."""

    at: dt.datetime
    actor: str
    what: str
    why: str
    fresh: bool


def timeline(entries: Iterable[AuditEntry], say: Callable[[AuditEntry], str]) -> list[TimelineLine]:
    """The entries as lines, in their order. `say` puts into words what was done."""
    since = timezone.now() - FRESH
    return [
        TimelineLine(entry.at, actor_words(entry.actor), say(entry), entry.why, entry.at > since) for entry in entries
    ]


def actor_words(actor: str) -> str:
    """Who it was: a person's name, a program's, or the system itself."""
    if actor.startswith("system:"):
        return _("the system")
    if actor.startswith("terminal:"):
        return _("%(name)s at the terminal") % {"name": actor.removeprefix("terminal:")}
    return actor
