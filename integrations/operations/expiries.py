"""Telling people in time that a certificate or an access ends: 30, 7 and 1 days before."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agency.kit.actor import Actor
from agency.operations.alerts import clear_alert, raise_alert
from agency.states import AlertSeverity
from integrations.models import Connection, OAuthGrant
from integrations.registry import manifests
from integrations.rules.token_life import expiry_stage
from integrations.states import GrantState

SEVERITIES = {
    0: AlertSeverity.CRITICAL,
    1: AlertSeverity.CRITICAL,
    7: AlertSeverity.WARNING,
    30: AlertSeverity.INFO,
}
GRANT = "consent"  # the name of what OAuth granted, beside the names of settings


@transaction.atomic
def review_expiries(*, actor: Actor, now: datetime) -> int:
    """Raise, worsen or clear the alert of everything that ends, in all connections in use. Returns how many end within 30 days."""
    grants = {grant.connection_id: grant for grant in OAuthGrant.objects.filter(state=GrantState.GRANTED)}
    ending = 0
    for connection in Connection.objects.filter(enabled=True).select_related("client").order_by("pk"):
        ends = _ends(connection, grants.get(connection.pk))
        for name, expires_at in ends.items():
            ending += _review(actor, connection, name, expires_at, now)
    return ending


def _ends(connection: Connection, grant: OAuthGrant | None) -> dict[str, datetime | None]:
    """Each thing that can end, with when; None where it does not, or is renewed by itself."""
    ends: dict[str, datetime | None] = {
        name: datetime.fromisoformat(facts["expires_at"]) if facts.get("expires_at") else None
        for name, facts in connection.credential_facts.items()
    }
    if grant is not None:
        # What is renewed by itself ends only with the refresh token; that renewals fail is another alert's business.
        ends[GRANT] = grant.refresh_expires_at if grant.renewable else grant.expires_at
    return ends


def _review(actor: Actor, connection: Connection, name: str, expires_at: datetime | None, now: datetime) -> int:
    key = f"connection:{connection.pk}:expiry:{name}"
    stage = None if expires_at is None else expiry_stage(now, expires_at)
    if stage is None or expires_at is None:
        clear_alert(actor=actor, key=key)
        return 0
    what = {"what": _title(connection, name), "connection": connection.name}
    if stage == 0:
        title = _("%(what)s of %(connection)s has expired") % what
    else:
        days = max((expires_at - now).days, 0) + 1
        title = ngettext(
            "%(what)s of %(connection)s expires within %(days)d day",
            "%(what)s of %(connection)s expires within %(days)d days",
            days,
        ) % {**what, "days": days}
    todo = (
        _("Open the connection and press Connect.")
        if name == GRANT
        else _("Enter a new one in the connection in time.")
    )
    until = date_format(timezone.localtime(expires_at), "SHORT_DATETIME_FORMAT")
    raise_alert(
        actor=actor,
        key=key,
        severity=SEVERITIES[stage],
        title=title,
        text=_("Valid until %(moment)s.") % {"moment": until},
        todo=todo,
        subject=connection,
        client=connection.client,
    )
    return 1


def _title(connection: Connection, name: str) -> str:
    manifest = manifests().get(connection.service)
    titles = {item.name: str(item.title) for item in manifest.settings} if manifest else {}
    return str(_("The consent")) if name == GRANT else titles.get(name, name)
