"""What keeps a campaign from being started, in words a person can act on."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from agency.states import ClientState
from campaigns.outreach.models import Campaign
from campaigns.outreach.selectors.audience import campaign_audience
from messaging.models import Contact, Sender
from messaging.rules.rendering import CompiledTemplate, TemplateInvalid, compile_wording, look_up, nest
from messaging.selectors.plans import wording_of
from messaging.states import ChannelKind, SenderState, TemplateState

CONTACT_VARIABLES = frozenset(
    {"contact.name", "contact.first_name", "contact.phone", "contact.email", "contact.language"}
)
_ATTRIBUTE = "contact.attributes."


@dataclass(frozen=True, slots=True)
class Problem:
    """Why it cannot start. `code` is stable for programs, `text` is for people."""

    code: str
    text: str


def campaign_senders(campaign: Campaign) -> list[Sender]:
    """The senders a campaign names itself and those of its pool, each once, by id; some may be paused."""
    chosen = {sender.pk: sender for sender in campaign.senders.select_related("connection")}
    if campaign.pool is not None:
        chosen |= {sender.pk: sender for sender in campaign.pool.senders.select_related("connection")}
    return [chosen[pk] for pk in sorted(chosen)]


def usable(sender: Sender) -> bool:
    """Whether the engine would send through it now."""
    return sender.state == SenderState.ACTIVE and sender.connection.enabled


def failing_mail_checks(sender: Sender) -> list[str]:
    """Which of SPF, DKIM and DMARC are known to fail, in upper case; a check not made yet does not count."""
    failing = []
    for name, result in sender.mail_checks.items():
        state = result.get("state") if isinstance(result, dict) else result
        if state in ("fail", "failed", False):
            failing.append(str(name).upper())
    return sorted(failing)


def start_problems(campaign: Campaign, now: dt.datetime) -> list[Problem]:
    """Everything to be mended before the campaign may start; empty when it may."""
    return list(_problems(campaign, now))


def _problems(campaign: Campaign, now: dt.datetime) -> Iterator[Problem]:
    if campaign.client.state != ClientState.ACTIVE:
        yield Problem(
            "client_inactive",
            _("Nothing is sent for this client while it is %(state)s.")
            % {"state": campaign.client.get_state_display()},
        )
    yield from _sender_problems(campaign)
    audience = campaign_audience(campaign, now)
    if not audience.exists():
        yield Problem("empty_audience", _("Nobody is in the audience. Change the segment or import contacts."))
    template = campaign.template
    version = template.current
    if template.state != TemplateState.APPROVED or version is None:
        yield Problem(
            "template_not_approved",
            _("The template “%(name)s” is %(state)s; only an approved one can be sent.")
            % {"name": template.name, "state": template.get_state_display()},
        )
        return
    try:
        compiled = compile_wording(wording_of(version))
    except TemplateInvalid as error:
        yield Problem("template_invalid", _("The template cannot be filled: %(error)s") % {"error": error})
        return
    declared = {str(item.get("name")): item for item in version.variables}
    for path in _unresolved(campaign, compiled):
        stand_in = declared.get(path, {})
        if stand_in.get("fallback") or stand_in.get("required") is False:
            continue
        if path.startswith(_ATTRIBUTE) and _anybody_has(campaign, path.removeprefix(_ATTRIBUTE), now):
            continue
        yield Problem(
            "unknown_variable",
            _("The template uses “%(name)s”, which nobody in the audience has and which has no fallback.")
            % {"name": path},
        )


def _sender_problems(campaign: Campaign) -> Iterator[Problem]:
    senders = campaign_senders(campaign)
    if not senders:
        yield Problem("no_sender", _("Choose at least one sender."))
        return
    if not any(usable(sender) for sender in senders):
        names = ", ".join(f"{sender.name} ({sender.get_state_display()})" for sender in senders)
        yield Problem("no_active_sender", _("No sender is active: %(names)s.") % {"names": names})
    if campaign.channel == ChannelKind.EMAIL:
        for sender in senders:
            failing = failing_mail_checks(sender)
            if failing:
                yield Problem(
                    "mail_checks_failing",
                    _(
                        "%(sender)s: %(checks)s fails, so messages would be taken for spam. Mend the domain's records first."
                    )
                    % {"sender": sender.name, "checks": ", ".join(failing)},
                )


def _unresolved(campaign: Campaign, template: CompiledTemplate) -> list[str]:
    """Variables that neither the campaign's constants nor the fields every contact has can fill."""
    constants = nest(campaign.variables)
    return [
        path
        for path in template.paths
        if path not in CONTACT_VARIABLES and look_up(constants, path.split(".")) in (None, "")
    ]


def _anybody_has(campaign: Campaign, key: str, now: dt.datetime) -> bool:
    people: list[Contact] = list(campaign_audience(campaign, now).filter(attributes__has_key=key.split(".")[0])[:1])
    return bool(people)
