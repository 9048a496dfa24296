"""How far an import is: kept in memory, stored with the import at most once a second."""

import datetime
import enum
import time
from collections.abc import Callable

from django.utils import timezone

from messaging.models import ContactImport
from messaging.operations.imports import note_progress

INTERVAL = 1.0  # seconds between two stored states


class Phase(enum.Enum):
    """What an import is doing, with the share of its time that lies before it and the share it takes."""

    READING = (0.0, 0.4)
    MERGING = (0.4, 0.55)
    WRITING = (0.95, 0.05)


class ImportProgress:
    """`share` runs from 0 to 1. `on_change` is told of every stored state, for a progress bar."""

    def __init__(self, record: ContactImport, on_change: "Callable[[ImportProgress], None] | None" = None) -> None:
        self._record = record
        self._on_change = on_change
        self._started = time.monotonic()
        self._stored = self._started
        self.phase = Phase.READING
        self.rows = 0
        self.bytes_done = 0
        self.share = 0.0

    @property
    def seconds(self) -> float:
        """Since this attempt began."""
        return time.monotonic() - self._started

    @property
    def rows_per_second(self) -> int:
        """Rows of the file, weighted by how far through all phases they are."""
        expected_rows = self.rows if self.phase is not Phase.READING else self.rows / max(self._phase_share(), 0.001)
        return int(expected_rows * self.share / max(self.seconds, 0.001))

    @property
    def expected_end(self) -> datetime.datetime:
        """When the import will be done if it goes on like this."""
        remaining = self.seconds / max(self.share, 0.01) * (1 - self.share)
        return timezone.now() + datetime.timedelta(seconds=remaining)

    def enter(self, phase: Phase) -> None:
        """Begin a phase."""
        self.phase = phase
        self.share = phase.value[0]
        self._store()

    def read(self, *, rows: int, bytes_done: int) -> None:
        """More rows were read."""
        self.rows += rows
        self.bytes_done = bytes_done
        self.share = self._phase_share() * Phase.READING.value[1]
        self._store()

    def merged(self, *, share: float) -> None:
        """A share of all persons is merged."""
        before, own = Phase.MERGING.value
        self.share = before + own * share
        self._store()

    def _phase_share(self) -> float:
        return self.bytes_done / max(self._record.bytes_total, 1)

    def _store(self) -> None:
        if time.monotonic() - self._stored < INTERVAL:
            return
        self._stored = time.monotonic()
        note_progress(
            record_id=self._record.pk,
            bytes_done=self.bytes_done,
            rows=self.rows,
            percent=int(self.share * 100),
            rows_per_second=self.rows_per_second,
            expected_at=self.expected_end,
        )
        if self._on_change:
            self._on_change(self)
