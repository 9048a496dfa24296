"""Templates: create, word anew, approve, withdraw, archive. A version is never changed, so what runs keeps the words it began with."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.models import Client
from agency.operations.audit import record_audit
from messaging.models import Template, TemplateVersion
from messaging.rules.rendering import TemplateInvalid, Variable, Wording, compile_wording, nest
from messaging.states import ChannelKind, TemplateState

LONGEST = {"subject": 300, "body": 20_000, "html": 500_000}
MAX_PARAMETERS = 50
MAX_VARIABLES = 100


@dataclass(frozen=True, slots=True)
class WordingOrder:
    """One wording as a person writes it. `wording` is Liquid; `provider_name` names the template that the provider keeps (WhatsApp)."""

    wording: Wording
    provider_name: str = ""
    category: str = ""
    media_url: str = ""


@transaction.atomic
def create_template(
    *, client: Client, name: str, channel: ChannelKind, language: str, order: WordingOrder, actor: Actor
) -> Template:
    """Make a draft with its first version. Raises `InvalidInput`, for Liquid with the field and the line."""
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > 120 or "\0" in cleaned:
        raise InvalidInput("bad_name", _("A name has 1 to 120 characters."), "name")
    if Template.objects.filter(client=client, channel=channel, name=cleaned, language=language).exists():
        text = _("This client has a template of this name for the channel and language already.")
        raise InvalidInput("template_exists", text, "name")
    check_wording(channel, order)
    template = Template.objects.create(client=client, name=cleaned, channel=channel, language=language)
    version = _add_version(template, order, actor)
    record_audit(
        actor=actor,
        action="create_template",
        subject=template,
        client=client,
        after={"name": cleaned, "channel": channel.value, "language": language, "version": version.number},
    )
    return template


@transaction.atomic
def add_template_version(*, template_id: int, order: WordingOrder, actor: Actor, why: str = "") -> TemplateVersion:
    """Word a template anew. It becomes a draft again: nobody sends words that nobody has approved. Jobs that run keep their version.

    The same words again change nothing. Raises `InvalidInput`; `OperationRefused` for an archived template.
    """
    template = _locked(template_id)
    if template.state == TemplateState.ARCHIVED:
        raise OperationRefused("wrong_state", _("An archived template is not changed; restore it first."))
    check_wording(ChannelKind(template.channel), order)
    if template.current is not None and _fields(order) == {
        name: getattr(template.current, name) for name in _fields(order)
    }:
        return template.current
    before = {"state": template.state, "version": template.current.number if template.current else None}
    version = _add_version(template, order, actor)
    record_audit(
        actor=actor,
        action="add_template_version",
        subject=template,
        client=template.client,
        before=before,
        after={"state": template.state, "version": version.number},
        why=why,
    )
    return version


@transaction.atomic
def approve_template(*, template_id: int, actor: Actor, why: str = "") -> Template:
    """Allow its current words to be sent. For a template kept at the provider a person says so that the provider has approved it."""
    template = _in_state(template_id, (TemplateState.DRAFT, TemplateState.SUBMITTED, TemplateState.REJECTED))
    if template.current is None:
        raise OperationRefused("no_version", _("This template has no words yet."))
    return _move(template, TemplateState.APPROVED, "approve_template", actor, why)


@transaction.atomic
def withdraw_template(*, template_id: int, actor: Actor, why: str) -> Template:
    """No campaign starts with it until it is approved again; what runs goes on with the words it began with. Needs a reason."""
    template = _in_state(template_id, (TemplateState.APPROVED, TemplateState.SUBMITTED))
    if not why.strip():
        raise InvalidInput("reason_missing", _("Say why, so that the next person knows."), "why")
    return _move(template, TemplateState.DRAFT, "withdraw_template", actor, why)


@transaction.atomic
def archive_template(*, template_id: int, actor: Actor) -> Template:
    """Put it away: it is offered nowhere, and kept for what was sent with it."""
    template = _in_state(
        template_id,
        (TemplateState.DRAFT, TemplateState.SUBMITTED, TemplateState.APPROVED, TemplateState.REJECTED),
    )
    return _move(template, TemplateState.ARCHIVED, "archive_template", actor, "")


@transaction.atomic
def restore_template(*, template_id: int, actor: Actor) -> Template:
    """Take it out of the archive, as a draft."""
    template = _in_state(template_id, (TemplateState.ARCHIVED,))
    return _move(template, TemplateState.DRAFT, "restore_template", actor, "")


def check_wording(channel: ChannelKind, order: WordingOrder) -> None:
    """Raise `InvalidInput` with the field to mend: what the channel needs, sizes, and Liquid that cannot be parsed or filled."""
    wording = order.wording
    for name, longest in LONGEST.items():
        text = getattr(wording, name)
        if len(text) > longest:
            raise InvalidInput("too_long", _("At most %(most)d characters.") % {"most": longest}, name)
        if "\0" in text:
            raise InvalidInput("nul_byte", _("It holds a character that cannot be sent."), name)
    if channel is ChannelKind.EMAIL:
        if not wording.subject.strip():
            raise InvalidInput("no_subject", _("An e-mail needs a subject."), "subject")
        if "\n" in wording.subject or "\r" in wording.subject:
            raise InvalidInput("subject_lines", _("A subject has one line."), "subject")
        if not wording.body.strip():
            raise InvalidInput("no_text", _("Write the text too: some readers see no HTML."), "body")
    elif not wording.body.strip() and not order.provider_name:
        raise InvalidInput("no_text", _("Write the text."), "body")
    if len(wording.parameters) > MAX_PARAMETERS:
        text = _("At most %(most)d parameters.") % {"most": MAX_PARAMETERS}
        raise InvalidInput("too_many", text, "parameters")
    _check_variables(wording.variables)
    _check_liquid(wording)


def _check_variables(variables: Sequence[Variable]) -> None:
    if len(variables) > MAX_VARIABLES:
        raise InvalidInput("too_many", _("At most %(most)d variables.") % {"most": MAX_VARIABLES}, "variables")
    names = [variable.name for variable in variables]
    for name in names:
        if not all(part.replace("-", "_").isidentifier() for part in name.split(".")):
            text = _("“%(name)s” is no name of a variable; write it like contact.first_name.") % {"name": name[:60]}
            raise InvalidInput("bad_variable", text, "variables")
        if names.count(name) > 1:
            raise InvalidInput("twice", _("“%(name)s” is listed twice.") % {"name": name}, "variables")


def _check_liquid(wording: Wording) -> None:
    """Parse it, and fill it once with stand-ins: an unknown filter shows itself only then."""
    try:
        compiled = compile_wording(wording)
        for path in compiled.paths:
            if any(other.startswith(f"{path}.") for other in compiled.paths):
                text = _("“%(name)s” stands for several values; name one of them, like contact.first_name.")
                raise InvalidInput("template_invalid", text % {"name": path}, "body")
        compiled.fill(nest(dict.fromkeys(compiled.paths, "1")))
    except TemplateInvalid as error:
        line = error.place or error.line
        text = error.text if not line else _("Line %(line)d: %(text)s") % {"line": line, "text": error.text}
        raise InvalidInput("template_invalid", text, error.part) from error


def _fields(order: WordingOrder) -> dict[str, object]:
    wording = order.wording
    return {
        "subject": wording.subject,
        "body": wording.body,
        "html": wording.html,
        "parameters": list(wording.parameters),
        "variables": [asdict(variable) for variable in wording.variables],
        "provider_name": order.provider_name,
        "category": order.category,
        "media_url": order.media_url,
    }


def _add_version(template: Template, order: WordingOrder, actor: Actor) -> TemplateVersion:
    last = template.versions.order_by("-number").values_list("number", flat=True).first() or 0
    version = TemplateVersion.objects.create(
        template=template, number=last + 1, created_by_id=actor.user_id, **_fields(order)
    )
    template.current, template.state = version, TemplateState.DRAFT
    template.save(update_fields=["current", "state"])
    return version


def _locked(template_id: int) -> Template:
    return Template.objects.select_for_update(of=("self",)).select_related("client", "current").get(pk=template_id)


def _in_state(template_id: int, allowed: Sequence[TemplateState]) -> Template:
    template = _locked(template_id)
    if template.state not in allowed:
        text = _("This template is %(state)s; that cannot be done now.") % {"state": template.get_state_display()}
        raise OperationRefused("wrong_state", text)
    return template


def _move(template: Template, state: TemplateState, action: str, actor: Actor, why: str) -> Template:
    before, template.state = template.state, state
    template.save(update_fields=["state"])
    record_audit(
        actor=actor,
        action=action,
        subject=template,
        client=template.client,
        before={"state": before},
        after={"state": state, "version": template.current.number if template.current else None},
        why=why.strip()[:500],
    )
    return template
