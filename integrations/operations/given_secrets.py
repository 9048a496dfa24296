"""Secrets that a service gives us by webhook, and that a person then has to tell it: sealed like every other, shown on demand, noted each time."""

from django.db import transaction
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.operations.audit import record_audit
from integrations.connections import open_secrets, seal_secrets
from integrations.models import Connection, InboundEvent
from integrations.registry import manifests
from integrations.states import ConnectionSource

FORGOTTEN = b"{}"  # what is left of the delivery that brought it


@transaction.atomic
def keep_given_secret(*, actor: Actor, connection_id: int, name: str, secret: str, inbound_event_id: int) -> bool:
    """Seal what the service gave, unless there is one already: then somebody who knows only our address could replace it.

    The delivery's stored body loses it in any case. False when nothing was kept.
    """
    InboundEvent.objects.filter(pk=inbound_event_id).update(body=FORGOTTEN)
    connection = Connection.objects.select_for_update(of=("self",)).filter(pk=connection_id).first()
    if connection is None or connection.source == ConnectionSource.ENVIRONMENT:
        return False
    secrets = open_secrets(bytes(connection.sealed_secrets), connection.service)
    if name not in given_names(connection) or secrets.get(name):
        return False
    connection.sealed_secrets = seal_secrets({**secrets, name: secret})
    connection.save(update_fields=["sealed_secrets"])
    record_audit(
        actor=actor,
        action="keep_given_secret",
        subject=connection,
        client=connection.client,
        after={"secrets changed": [name]},
    )
    return True


@transaction.atomic
def show_given_secret(*, actor: Actor, connection_id: int) -> str:
    """What the service gave, for the person who must enter it there. Raises `OperationRefused` while it has not come."""
    connection = Connection.objects.select_related("client").get(pk=connection_id)
    secrets = open_secrets(bytes(connection.sealed_secrets), connection.service)
    found = {name: secrets[name] for name in given_names(connection) if secrets.get(name)}
    if not found:
        raise OperationRefused("secret_not_given", _("The service has not sent it yet: make the webhook there first."))
    record_audit(
        actor=actor,
        action="show_given_secret",
        subject=connection,
        client=connection.client,
        after={"secrets": sorted(found)},
    )
    return ", ".join(found.values())


def given_names(connection: Connection) -> tuple[str, ...]:
    """The secrets of a connection that its service gives by webhook."""
    manifest = manifests().get(connection.service)
    return () if manifest is None else tuple(item.name for item in manifest.settings if item.given)
