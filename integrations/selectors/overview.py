"""How every service is doing, for the page, the command and `/health/integrations`."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from integrations.health import HealthState
from integrations.manifest import CATEGORY_TITLES, Manifest
from integrations.models import Connection
from integrations.registry import manifests
from integrations.selectors.usage import Usage, service_usage


class ServiceState(StrEnum):
    """A service's connections taken together: the worst of those in use."""

    FAILED = "failed"
    DEGRADED = "degraded"
    UNCHECKED = "unchecked"  # connected, and not tested yet
    OK = "ok"
    OFF = "off"  # all its connections are switched off
    ABSENT = "absent"  # nobody connected it


WORST_FIRST = tuple(ServiceState)


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """One service with the connections that the reader sees, the troubled ones first. `latency_ms` is the slowest of the last checks."""

    manifest: Manifest
    state: ServiceState
    connections: tuple[Connection, ...]
    latency_ms: int | None
    error: str
    usage: Usage


def service_lines(connections: Iterable[Connection]) -> list[ServiceLine]:
    """One line a service, in the order of categories and titles; of these connections, which the caller has narrowed to what the reader sees."""
    by_service: dict[str, list[Connection]] = defaultdict(list)
    for connection in connections:
        by_service[connection.service].append(connection)
    usage = service_usage(list(manifests()))
    lines = [_line(manifest, by_service[slug], usage.get(slug, Usage())) for slug, manifest in manifests().items()]
    order = list(CATEGORY_TITLES)
    return sorted(lines, key=lambda line: (order.index(line.manifest.category), line.manifest.title))


def connection_state(connection: Connection) -> ServiceState:
    """One connection's state in the same words."""
    if not connection.enabled:
        return ServiceState.OFF
    return ServiceState(connection.health) if connection.health else ServiceState.UNCHECKED


def is_healthy(lines: Iterable[ServiceLine]) -> bool:
    """Whether no service in use is in trouble; one that was not tested yet is not."""
    return all(line.state not in (ServiceState.FAILED, ServiceState.DEGRADED) for line in lines)


def _line(manifest: Manifest, connections: list[Connection], usage: Usage) -> ServiceLine:
    ordered = sorted(connections, key=lambda each: (WORST_FIRST.index(connection_state(each)), each.name, each.pk))
    state = connection_state(ordered[0]) if ordered else ServiceState.ABSENT
    used = [each for each in ordered if each.enabled]
    latencies = [each.latency_ms for each in used if each.latency_ms is not None]
    troubled = [each for each in used if each.health in (HealthState.FAILED.value, HealthState.DEGRADED.value)]
    return ServiceLine(
        manifest,
        state,
        tuple(ordered),
        max(latencies, default=None),
        troubled[0].health_text if troubled else "",
        usage,
    )
