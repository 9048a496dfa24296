"""Which grants are due, and what is lacking in one."""

from datetime import datetime

from django.utils.translation import gettext as _

from integrations.health import Health, HealthState
from integrations.models import Connection, OAuthGrant
from integrations.registry import manifests
from integrations.states import GrantState


def grants_to_renew(now: datetime) -> list[int]:
    """Connections in use whose tokens are due for renewal, those that end first before the others."""
    due = OAuthGrant.objects.filter(renew_at__lte=now, state=GrantState.GRANTED, connection__enabled=True)
    return list(due.order_by("expires_at", "pk").values_list("pk", flat=True))


def missing_scopes(connection: Connection, grant: OAuthGrant) -> list[str]:
    """Permissions that the service needs and that were not granted."""
    manifest = manifests().get(connection.service)
    oauth = None if manifest is None else manifest.oauth
    return [] if oauth is None else [scope for scope in oauth.scopes if scope not in grant.scopes]


def grant_of(connection: Connection) -> OAuthGrant | None:
    """The connection's grant, if there ever was one."""
    return OAuthGrant.objects.filter(connection_id=connection.pk).first()


def credential_fault(connection: Connection, now: datetime) -> Health | None:
    """What is wrong with a connection before anybody calls the service: no consent, lost, not enough of it, over. None when nothing is."""
    for name, facts in connection.credential_facts.items():
        if facts.get("expires_at") and datetime.fromisoformat(facts["expires_at"]) <= now:
            return Health(
                HealthState.FAILED, _("The certificate %(name)s has expired; enter a new one.") % {"name": name}
            )
    manifest = manifests().get(connection.service)
    if manifest is None or manifest.oauth is None:
        return None
    grant = grant_of(connection)
    if grant is None:
        return None  # a pasted token may do; without any the settings are incomplete, which the check says
    if grant.state == GrantState.LOST:
        return Health(HealthState.FAILED, _("The provider withdrew its consent; press Connect."))
    missing = missing_scopes(connection, grant)
    if missing:
        return Health(
            HealthState.FAILED,
            _("Permissions are missing; press Connect and agree to all of them: %(names)s")
            % {"names": ", ".join(missing)},
        )
    if grant.expires_at is not None and grant.expires_at <= now:
        return Health(HealthState.FAILED, _("The access has ended; press Connect."))
    return None
