"""Sender pools: senders of one channel that share a campaign's messages."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import Client
from agency.operations.audit import record_audit
from messaging.models import Sender, SenderPool
from messaging.states import ChannelKind


@transaction.atomic
def create_sender_pool(
    *, client: Client, name: str, channel: ChannelKind, senders: Sequence[Sender], actor: Actor
) -> SenderPool:
    """Make a pool of a client's senders of one channel. Raises `InvalidInput`."""
    _check(client.pk, channel, senders)
    try:
        with transaction.atomic():
            pool = SenderPool.objects.create(client=client, name=_name(name), channel=channel)
    except IntegrityError as error:
        raise InvalidInput("pool_exists", _("This client has a pool of this name already."), "name") from error
    pool.senders.set(senders)
    record_audit(
        actor=actor,
        action="create_sender_pool",
        subject=pool,
        client=client,
        after={"name": pool.name, "senders": sorted(sender.pk for sender in senders)},
    )
    return pool


@transaction.atomic
def change_sender_pool(*, pool_id: int, name: str, senders: Sequence[Sender], actor: Actor) -> SenderPool:
    """Change a pool's name and members. Runs that have begun keep the senders they began with. Raises `InvalidInput`."""
    pool = SenderPool.objects.select_for_update(of=("self",)).select_related("client").get(pk=pool_id)
    _check(pool.client_id, ChannelKind(pool.channel), senders)
    before = {"name": pool.name, "senders": sorted(pool.senders.values_list("pk", flat=True))}
    pool.name = _name(name)
    try:
        with transaction.atomic():
            pool.save(update_fields=["name"])
    except IntegrityError as error:
        raise InvalidInput("pool_exists", _("This client has a pool of this name already."), "name") from error
    pool.senders.set(senders)
    after = {"name": pool.name, "senders": sorted(sender.pk for sender in senders)}
    if after != before:
        record_audit(
            actor=actor, action="change_sender_pool", subject=pool, client=pool.client, before=before, after=after
        )
    return pool


def _check(client_id: int, channel: ChannelKind, senders: Sequence[Sender]) -> None:
    if not senders:
        raise InvalidInput("no_sender", _("Choose at least one sender."), "senders")
    for sender in senders:
        if sender.client_id != client_id:
            text = _("%(sender)s belongs to another client.") % {"sender": sender.name}
            raise InvalidInput("other_client", text, "senders")
        if sender.channel != channel:
            text = _("%(sender)s does not send by %(channel)s.") % {"sender": sender.name, "channel": channel.label}
            raise InvalidInput("other_channel", text, "senders")


def _name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > 120 or "\0" in cleaned:
        raise InvalidInput("bad_name", _("A name has 1 to 120 characters."), "name")
    return cleaned
