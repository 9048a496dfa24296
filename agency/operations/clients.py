"""Clients of the agency: taken on, changed, paused, ended."""

import zoneinfo
from typing import Any

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.models import Client, ClientGrant, User
from agency.operations.audit import record_audit
from agency.rules.tax_ids import tax_id_in_form
from agency.selectors.access import sees_everything
from agency.states import ClientState

DEMO = "demo-"  # demos cancel what runs for clients with this beginning
MOVES = {
    ClientState.ACTIVE: (ClientState.PAUSED,),
    ClientState.PAUSED: (ClientState.ACTIVE, ClientState.ENDED),
    ClientState.ENDED: (),
}


@transaction.atomic
def create_client(
    *,
    actor: Actor,
    name: str,
    slug: str,
    tax_id: str = "",
    country: str = "BR",
    time_zone: str = "America/Sao_Paulo",
    language: str = "pt-br",
) -> Client:
    """Take on a client; whoever does so sees it from then on. Raises `InvalidInput` that names the field to mend."""
    values = _checked(name, tax_id, country, time_zone, language)
    client = Client(slug=_slug(slug), **values)
    try:
        with transaction.atomic():
            client.save(force_insert=True)
    except IntegrityError as error:
        raise InvalidInput("slug_taken", _("Another client has this short name."), "slug") from error
    person = None if actor.user_id is None else User.objects.filter(pk=actor.user_id).first()
    if person is not None and not sees_everything(person):
        ClientGrant.objects.create(user=person, client=client)
    record_audit(
        actor=actor, action="create_client", subject=client, client=client, after={"slug": client.slug, **values}
    )
    return client


@transaction.atomic
def change_client(
    *, actor: Actor, client_id: int, name: str, tax_id: str, country: str, time_zone: str, language: str
) -> Client:
    """What it is called and where it is at home; its short name stays, since addresses and commands hold it. Raises `InvalidInput`."""
    client = _locked(client_id)
    _write(actor, client, "change_client", _checked(name, tax_id, country, time_zone, language))
    return client


@transaction.atomic
def change_client_state(*, actor: Actor, client_id: int, state: ClientState, why: str = "") -> Client:
    """Pause, take up again or end. Raises `OperationRefused` where the client's state does not lead there: active ⇄ paused → ended."""
    client = _locked(client_id)
    if state not in MOVES[ClientState(client.state)]:
        text = _("This client is %(state)s. That does not go from here.") % {"state": client.get_state_display()}
        raise OperationRefused("wrong_state", text)
    _write(actor, client, "change_client_state", {"state": state.value}, why)
    return client


def _locked(client_id: int) -> Client:
    return Client.objects.select_for_update().get(pk=client_id)


def _write(actor: Actor, client: Client, action: str, wanted: dict[str, Any], why: str = "") -> None:
    """Write what differs, with its audit entry; nothing when nothing does."""
    before = {name: getattr(client, name) for name in wanted if getattr(client, name) != wanted[name]}
    if not before:
        return
    for name in before:
        setattr(client, name, wanted[name])
    client.save(update_fields=list(before))
    after = {name: wanted[name] for name in before}
    record_audit(
        actor=actor, action=action, subject=client, client=client, before=before, after=after, why=why.strip()[:500]
    )


def _checked(name: str, tax_id: str, country: str, time_zone: str, language: str) -> dict[str, str]:
    """The values in their normal form. Raises `InvalidInput`."""
    called = " ".join(name.split())
    if not called or len(called) > 200 or not called.isprintable():
        raise InvalidInput("bad_name", _("A name has 1 to 200 characters."), "name")
    region = country.strip().upper()
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidInput("bad_country", _("Give the two letters of a country, like BR."), "country")
    written = tax_id_in_form(region, tax_id)
    if written is None:
        text = _("This is neither a CNPJ nor a CPF.") if region == "BR" else _("This is no tax id.")
        raise InvalidInput("bad_tax_id", text, "tax_id")
    if time_zone not in zoneinfo.available_timezones():
        raise InvalidInput("bad_time_zone", _("There is no such time zone."), "time_zone")
    if language not in dict(settings.LANGUAGES):
        raise InvalidInput("bad_language", _("There is no such language here."), "language")
    return {"name": called, "tax_id": written, "country": region, "time_zone": time_zone, "language": language}


def _slug(text: str) -> str:
    slug = text.strip().lower()
    try:
        validate_slug(slug)
    except ValidationError as error:
        raise InvalidInput("bad_slug", _("Letters without accents, digits and hyphens."), "slug") from error
    if len(slug) > 60:
        raise InvalidInput("bad_slug", _("At most 60 characters."), "slug")
    if slug.startswith(DEMO):
        raise InvalidInput(
            "reserved_slug", _("Short names that begin with “demo-” are kept for demonstrations."), "slug"
        )
    return slug
