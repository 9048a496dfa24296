"""What the page of a person shows: who, where they may be written to, what they said, what went to and fro."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from agency.admin.base import PERSONAL
from agency.admin.words import Tone
from agency.rules.masking import HIDDEN, masked
from messaging.admin.words import RECIPIENT_TONES
from messaging.models import Consent, Contact
from messaging.selectors.contact_history import ChannelFacts, Passed, channel_facts, contact_timeline
from messaging.states import ConsentState, Direction, Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a channel may be used, in one word with its colour, and why."""

    tone: str
    icon: str
    word: str
    why: str


@dataclass(frozen=True, slots=True)
class Said:
    """Something a person said about a channel."""

    at: dt.datetime | None
    channel: str
    state: str
    source: str
    proof: list[tuple[str, str]]
    present: bool


def contact_context(contact: Contact, request: HttpRequest) -> dict[str, Any]:
    """Everything the template needs. `contact` is masked already where its reader may not see; the rest is masked here."""
    personal = request.user.has_perm(PERSONAL)
    facts = channel_facts(contact.pk)
    may_see = request.user.has_perm
    shows_consents = may_see("messaging.view_consent")
    consents = [fact.consent for fact in facts if fact.consent is not None] if shows_consents else []
    passed = contact_timeline(contact) if may_see("messaging.view_message") else []
    return {
        "contact": contact,
        "channels": [_channel(fact, personal=personal, lift=may_see("messaging.delete_suppression")) for fact in facts],
        "attributes": sorted(contact.attributes.items()),
        "said": sorted(
            (said for consent in consents for said in _said(consent, personal=personal)),
            key=lambda said: said.at.timestamp() if said.at else 0,
            reverse=True,
        ),
        "shows_consents": shows_consents,
        "passed": [_passed(item, personal=personal) for item in passed],
        "shows_messages": may_see("messaging.view_message"),
    }


def _channel(fact: ChannelFacts, *, personal: bool, lift: bool) -> dict[str, Any]:
    return {
        "label": fact.channel.label,
        "addresses": [address if personal else masked(address) for address in fact.addresses],
        "verdict": _verdict(fact),
        "consent": fact.consent,
        "suppressions": [
            {
                "reason": suppression.get_reason_display(),
                "source": suppression.source if personal else masked(suppression.source),
                "at": suppression.created_at,
                "lift_url": reverse("admin:messaging_suppression_change_do", args=(suppression.pk, "lift"))
                if lift
                else "",
            }
            for suppression in fact.suppressions
        ],
    }


def _verdict(fact: ChannelFacts) -> Verdict:
    if not fact.addresses:
        return Verdict("waiting", "remove", _("no address"), "")
    if fact.suppressions:
        return Verdict(
            "look",
            "block",
            _("never"),
            _("suppressed: %(reason)s") % {"reason": fact.suppressions[0].get_reason_display()},
        )
    if fact.consent is None:
        return Verdict("waiting", "help", _("no word yet"), _("campaigns that ask for consent leave the person out"))
    if fact.consent.state == ConsentState.WITHDRAWN:
        return Verdict("look", "block", _("no"), _("consent withdrawn"))
    return Verdict("done", "check_circle", _("yes"), _("consent given"))


def _said(consent: Consent, *, personal: bool) -> list[Said]:
    """The present word and those before it."""
    channel = str(consent.get_channel_display())
    said = [
        Said(
            consent.recorded_at,
            channel,
            str(consent.get_state_display()),
            consent.source if personal else masked(consent.source),
            _proof(consent.proof, personal=personal),
            True,
        )
    ]
    for earlier in consent.history:
        state = earlier.get("state")
        said.append(
            Said(
                parse_datetime(str(earlier.get("recorded_at", ""))),
                channel,
                str(ConsentState(state).label) if state in ConsentState.values else "",
                str(earlier.get("source", "")) if personal else HIDDEN,
                _proof(earlier.get("proof", {}), personal=personal),
                False,
            )
        )
    return said


def _proof(proof: Any, *, personal: bool) -> list[tuple[str, str]]:
    if not isinstance(proof, dict):
        return []
    words: dict[str, str] = {
        "note": _("note"),
        "by": _("recorded by"),
        "file": _("file"),
        "import": _("import"),
        "row": _("row"),
    }
    return [
        (words.get(key) or str(key), str(value) if personal else HIDDEN)
        for key, value in proof.items()
        if key != "sha256"
    ]


def _passed(item: Passed, *, personal: bool) -> dict[str, Any]:
    tone = RECIPIENT_TONES[item.state] if item.state is not None else Tone("", "")
    return {
        "at": item.at,
        "ours": item.direction is Direction.OUTBOUND,
        "channel": item.channel.label,
        "kind": item.kind.label if item.kind else "",
        "text": item.text if personal or not item.text else HIDDEN,
        "template": item.template,
        "state": item.state.label if item.state is not None else "",
        "tone": tone.name,
        "icon": tone.icon,
        "reason": item.reason.label if item.reason is not Reason.NONE else "",
        "code": item.code,
        "asked_to_stop": item.asked_to_stop,
    }
