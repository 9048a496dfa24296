"""The rows of the page's list of services: what each can do, what it was asked, what was written, what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .imitation import Imitation
from .page_words import ago_words, fault_detail, number_words
from .world import World

MAX_SHOWN_WRITES = 5


@dataclass(frozen=True, slots=True)
class OperationRow:
    """One operation; `asked` is empty when nobody asked for it."""

    name: str
    asked: str


@dataclass(frozen=True, slots=True)
class WriteRow:
    """One write."""

    operation: str
    reference: str
    text: str
    ago: str
    iso: str


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service. `faults` are those that strike it, in words; `writes` the latest, newest first."""

    slug: str
    title: str
    address: str
    asked: str
    written: str
    operations: tuple[OperationRow, ...]
    faults: tuple[str, ...]
    writes: tuple[WriteRow, ...]
    is_open: bool


def service_rows(
    world: World, services: Mapping[str, Imitation], host: str, opened: Collection[str]
) -> list[ServiceRow]:
    """Every service in alphabetical order."""
    return [
        _service_row(world, service, host, is_open=f"service:{service.slug}" in opened)
        for service in sorted(services.values(), key=lambda service: service.title.casefold())
    ]


def _service_row(world: World, service: Imitation, host: str, *, is_open: bool) -> ServiceRow:
    slug, now = service.slug, world.clock.now()
    asked = {operation: world.counts.get(f"asked.{slug}.{operation}", 0) for operation in service.operations}
    mark = f"writes.{slug}."
    written = sum(number for what, number in world.counts.items() if what.startswith(mark))
    latest = [write for write in reversed(world.recent_writes) if write.service == slug][:MAX_SHOWN_WRITES]
    return ServiceRow(
        slug=slug,
        title=service.title,
        address=service.address(host),
        asked=number_words(sum(asked.values())),
        written=number_words(written),
        operations=tuple(OperationRow(name, number_words(times) if times else "") for name, times in asked.items()),
        faults=tuple(
            f"{fault.kind} · {fault_detail(fault)}"
            for fault in world.faults
            if fault.service in ("*", slug) and any(service.supports(fault.kind, name) for name in service.operations)
        ),
        writes=tuple(
            WriteRow(
                operation=write.operation,
                reference=write.reference,
                text=write.text,
                ago=ago_words(now - write.at),
                iso=datetime.fromtimestamp(write.at, UTC).isoformat(timespec="seconds"),
            )
            for write in latest
        ),
        is_open=is_open,
    )
