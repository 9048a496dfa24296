"""Who is asked, in which order, and what became of earlier attempts."""

from django.db.models import QuerySet

from agency.selectors.access import Viewer, only_visible
from integrations.chains import MOST_HOPS, Chain
from integrations.models import ChainAttempt, Connection, FallbackChain


def hops_of(chain: Chain, client_id: int | None) -> list[Connection]:
    """The enabled connections of a chain, in order: as chosen for the client, else as chosen for everybody, else as declared.

    As declared means one connection of each service: the client's own before the agency's, the oldest of several; or each of them, where the
    chain says so.
    """
    chosen = _chosen(chain.name, client_id)
    if chosen is not None:
        hops = (chosen.first, chosen.second, chosen.third, chosen.fourth)
        return [hop for hop in hops if hop is not None and hop.enabled]
    usable = Connection.objects.filter(enabled=True, service__in=chain.services)
    owned = usable.filter(client__isnull=True)
    if client_id is not None:
        owned = owned | usable.filter(client_id=client_id)
    found: dict[str, list[Connection]] = {}
    for connection in sorted(owned, key=lambda each: (each.client_id is None, each.pk)):
        found.setdefault(connection.service, []).append(connection)
    most = MOST_HOPS if chain.every_connection else 1
    return [hop for service in chain.services for hop in found.get(service, [])[:most]][:MOST_HOPS]


def attempts_of(chain: Chain, key: str) -> list[ChainAttempt]:
    """What one run has tried so far, in order."""
    return list(ChainAttempt.objects.filter(chain=chain.name, key=key).order_by("pk"))


def visible_chains(user: Viewer) -> QuerySet[FallbackChain]:
    """Chains of visible clients; those for everybody only for whoever sees everything."""
    return only_visible(FallbackChain.objects.select_related("client", "first", "second", "third", "fourth"), user)


def visible_attempts(user: Viewer) -> QuerySet[ChainAttempt]:
    """Attempts made for visible clients; the agency's own only for whoever sees everything."""
    return only_visible(ChainAttempt.objects.select_related("client", "connection"), user)


def _chosen(name: str, client_id: int | None) -> FallbackChain | None:
    candidates = FallbackChain.objects.select_related("first", "second", "third", "fourth").filter(name=name)
    own = candidates.filter(client_id=client_id).first() if client_id is not None else None
    return own or candidates.filter(client__isnull=True).first()
