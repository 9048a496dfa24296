"""The message of a campaign as one person of its audience would get it."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from campaigns.outreach.models import Campaign
from campaigns.outreach.selectors.audience import campaign_audience, within
from messaging.models import Contact, TemplateVersion
from messaging.rules.rendering import (
    TemplateInvalid,
    VariableMissing,
    compile_wording,
    person_values,
)
from messaging.rules.wording_parts import nest
from messaging.selectors.plans import wording_of

FIND_MILLISECONDS = 800
_TAG = re.compile(r"<[^>]+>")


@dataclass(frozen=True, slots=True)
class Preview:
    """`person` would get this; `missing` names the variable for which they would be skipped. `following` is somebody else's id, 0: nobody."""

    person: Contact
    subject: str
    body: str
    missing: str
    following: int


def campaign_preview(
    campaign: Campaign, now: dt.datetime, *, person_id: int, show: Callable[[Any], Any]
) -> Preview | None:
    """For the person with this id, or the next of the audience; 0: for the newest. None without a template or a person found within a second.

    `show` is what the reader may see of each personal value.
    """
    version = campaign.template.current
    if version is None:
        return None
    audience = campaign_audience(campaign, now).order_by("-id")
    chosen = audience.filter(pk__lte=person_id) if person_id else audience
    people = within(FIND_MILLISECONDS, lambda: list(chosen[:2]))
    if not people:
        return None
    subject, body, missing = _filled(campaign, version, people[0], show)
    return Preview(people[0], subject, body, missing, people[1].pk if len(people) > 1 else 0)


def _filled(
    campaign: Campaign, version: TemplateVersion, person: Contact, show: Callable[[Any], Any]
) -> tuple[str, str, str]:
    contact = person_values(
        name=show(person.name),
        phone=show(person.phone),
        email=show(person.email),
        language=person.language,
        attributes=show(person.attributes),
    )
    try:
        rendered = compile_wording(wording_of(version)).fill({"contact": contact, **nest(campaign.variables)})
    except VariableMissing as missing:
        return "", "", missing.name
    except TemplateInvalid as error:
        return "", "", str(error)
    return rendered.subject, rendered.body or _TAG.sub("", rendered.html).strip(), ""
