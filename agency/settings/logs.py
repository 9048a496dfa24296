"""Logging: JSON lines on standard output in production, readable lines on standard error elsewhere, and a file a day with LOG_DIR.

No line shows a secret that the process knows, or what looks like a credential, whoever wrote it.
"""

import logging
from datetime import UTC, datetime
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from agency.kit.secrecy import without_known, without_secrets

# Loggers that say at INFO what the ledger holds anyway, several lines a second.
TALKATIVE = ("celery.app.trace", "celery.worker.strategy", "celery.beat", "botocore", "urllib3")
# Loggers that bring handlers of their own: Django's mails to administrators, uvicorn's plain lines.
OWN_HANDLERS = ("django", "django.server", "uvicorn", "uvicorn.error", "uvicorn.access")


def _stamp(logger: Any, method: str, event: EventDict) -> EventDict:
    """The time of the event: the record's own, so that standard output and the file agree, else now."""
    record: logging.LogRecord | None = event.get("_record")
    moment = datetime.fromtimestamp(record.created, UTC) if record else datetime.now(UTC)
    event["timestamp"] = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return event


def _mask_texts(logger: Any, method: str, event: EventDict) -> EventDict:
    """Texts of the event without secrets, before they become JSON."""
    return {name: without_secrets(value) if isinstance(value, str) else value for name, value in event.items()}


def _mask_json(logger: Any, method: str, line: Any) -> Any:
    """The finished JSON line without known secrets, also those deep inside; it stays JSON."""
    return without_known(line)


def _mask_line(logger: Any, method: str, line: Any) -> Any:
    """The finished readable line, with its traceback."""
    return without_secrets(line)


BEFORE: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    _stamp,
    structlog.processors.CallsiteParameterAdder([structlog.processors.CallsiteParameter.PROCESS]),
)


def logging_settings(*, level: str, json_lines: bool, directory: str = "") -> dict[str, Any]:
    """Django's LOGGING. `directory` also gets one JSON file a day, kept thirty days."""
    structlog.configure(
        processors=[*BEFORE, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handlers: dict[str, Any] = {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if json_lines else "readable",
            "stream": "ext://sys.stdout" if json_lines else "ext://sys.stderr",
        }
    }
    if directory:
        handlers["file"] = {
            "class": "agency.settings.daily_file.DailyFileHandler",
            "directory": directory,
            "formatter": "json",
        }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": _formatter(
                structlog.processors.format_exc_info,
                _mask_texts,
                structlog.processors.JSONRenderer(ensure_ascii=False),
                _mask_json,
            ),
            "readable": _formatter(
                structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
                _mask_line,
            ),
        },
        "handlers": handlers,
        "root": {"level": level, "handlers": list(handlers)},
        "loggers": {
            **{name: {"level": "WARNING"} for name in TALKATIVE},
            **{name: {"handlers": [], "propagate": True} for name in OWN_HANDLERS},
        },
    }


def _formatter(*last: Processor) -> dict[str, Any]:
    """A formatter for structlog's records and the standard library's alike."""
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": list(BEFORE),
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    }
