"""One log file a day, kept thirty days, written by many processes at once."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

KEPT_DAYS = 30
PREFIX = "batuta-"


class DailyFileHandler(logging.Handler):
    """Appends to `batuta-YYYY-MM-DD.log` (UTC) and removes files older than thirty days when a new day begins.

    No file is ever renamed, so web, workers and their children may share the directory; a line is one `write` to a file
    opened for appending.
    """

    def __init__(self, directory: str) -> None:
        super().__init__()
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._day = ""
        self._file: IO[str] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; what goes wrong is reported as every logging handler does."""
        try:
            line = self.format(record) + "\n"
            file = self._open(datetime.fromtimestamp(record.created, UTC))
            file.write(line)
            file.flush()
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Close the file of the day."""
        if self._file:
            self._file.close()
            self._file = None
        super().close()

    def _open(self, now: datetime) -> IO[str]:
        day = now.date().isoformat()
        if self._file is None or day != self._day:
            if self._file:
                self._file.close()
            self._file = (self.directory / f"{PREFIX}{day}.log").open("a", encoding="utf-8")
            self._day = day
            self._remove_old(now)
        return self._file

    def _remove_old(self, now: datetime) -> None:
        oldest = f"{PREFIX}{(now - timedelta(days=KEPT_DAYS)).date().isoformat()}.log"
        for path in self.directory.glob(f"{PREFIX}????-??-??.log"):
            if path.name <= oldest:
                path.unlink(missing_ok=True)
