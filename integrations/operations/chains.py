"""Changing the order of a chain, and writing down what was tried. Attempts are a log of machines: no audit entry."""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import Client
from agency.operations.audit import record_audit
from integrations.chains import MOST_HOPS, Chain, chains
from integrations.models import ChainAttempt, Connection, FallbackChain
from integrations.registry import manifests
from integrations.states import CallOutcome

PLACES = ("first", "second", "third", "fourth")


@transaction.atomic
def create_chain(
    *, actor: Actor, name: str, client: Client | None, connections: Sequence[Connection], why: str = ""
) -> FallbackChain:
    """Choose the order of a chain, for one client or for everybody. Raises `InvalidInput` naming the field to mend."""
    chain = _known(name)
    if FallbackChain.objects.filter(name=name, client=client).exists():
        raise InvalidInput("chain_exists", _("There is an order for this already: change that one."), "name")
    made = FallbackChain.objects.create(name=name, client=client, **_places(chain, client, connections))
    record_audit(actor=actor, action="create_chain", subject=made, client=client, after=_written(made), why=why)
    return made


@transaction.atomic
def change_chain(*, actor: Actor, chain_id: int, connections: Sequence[Connection], why: str = "") -> FallbackChain:
    """Put the connections in another order. Raises `InvalidInput` naming the field to mend."""
    changed = FallbackChain.objects.select_for_update().get(pk=chain_id)
    before = _written(changed)
    for place, connection in _places(_known(changed.name), changed.client, connections).items():
        setattr(changed, place, connection)
    if _written(changed) != before:
        changed.save()
        record_audit(
            actor=actor,
            action="change_chain",
            subject=changed,
            client=changed.client,
            before=before,
            after=_written(changed),
            why=why,
        )
    return changed


@transaction.atomic
def remove_chain(*, actor: Actor, chain_id: int, why: str = "") -> None:
    """Go back to the order for everybody, or to the declared one."""
    removed = FallbackChain.objects.select_for_update().get(pk=chain_id)
    record_audit(
        actor=actor, action="remove_chain", subject=removed, client=removed.client, before=_written(removed), why=why
    )
    removed.delete()


@transaction.atomic
def begin_attempt(
    *, chain: Chain, key: str, client_id: int | None, connection_id: int, position: int, purpose: str
) -> ChainAttempt | None:
    """Write an attempt down before it is made, as unknown; None when this run has asked the connection before."""
    attempt, is_new = ChainAttempt.objects.get_or_create(
        chain=chain.name,
        key=key,
        connection_id=connection_id,
        defaults={"client_id": client_id, "position": position, "purpose": purpose[:40]},
    )
    return attempt if is_new else None


@transaction.atomic
def end_attempt(
    *, attempt_id: int, outcome: CallOutcome, may_have_happened: bool, milliseconds: int, code: str = "", text: str = ""
) -> None:
    """Write down what came of an attempt."""
    ChainAttempt.objects.filter(pk=attempt_id).update(
        outcome=outcome,
        may_have_happened=may_have_happened,
        milliseconds=milliseconds,
        code=code[:60],
        text=text[:300],
    )


@transaction.atomic
def prune_chain_attempts(*, limit: int) -> int:
    """Delete at most `limit` of the oldest attempts. Returns how many."""
    before = timezone.now() - timedelta(days=settings.KEEP_DAYS["chain_attempts"])
    old = ChainAttempt.objects.filter(attempted_at__lt=before).order_by("attempted_at").values_list("pk", flat=True)
    return ChainAttempt.objects.filter(pk__in=list(old[:limit])).delete()[0]


def _known(name: str) -> Chain:
    chain = chains().get(name)
    if chain is None:
        raise InvalidInput("chain_unknown", _("There is no such chain."), "name")
    return chain


def _places(chain: Chain, client: Client | None, connections: Sequence[Connection]) -> dict[str, Connection | None]:
    """Each place with its connection. Raises `InvalidInput`."""
    if not connections:
        raise InvalidInput("chain_empty", _("Choose at least one connection."), "first")
    if len(connections) > MOST_HOPS:
        raise InvalidInput("chain_long", _("A chain has at most four connections."), "fourth")
    for place, connection in zip(PLACES, connections, strict=False):
        manifest = manifests().get(connection.service)
        if manifest is None or chain.capability not in manifest.capabilities:
            words = _("%(connection)s cannot be used for this.") % {"connection": connection.name}
            raise InvalidInput("capability_missing", words, place)
        if connection.client_id is not None and (client is None or connection.client_id != client.pk):
            words = _("%(connection)s belongs to another client.") % {"connection": connection.name}
            raise InvalidInput("foreign_connection", words, place)
        if connections.index(connection) != PLACES.index(place):
            raise InvalidInput("hop_twice", _("Each connection stands in a chain once."), place)
    return {place: connections[index] if index < len(connections) else None for index, place in enumerate(PLACES)}


def _written(chain: FallbackChain) -> dict[str, object]:
    return {"name": chain.name, "connections": [getattr(chain, f"{place}_id") for place in PLACES]}
