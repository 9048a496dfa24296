"""Where PostgreSQL and Redis are: the given URLs, else private servers that `agency.embedded` starts."""

from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured

from agency import embedded
from agency.settings.environment import environment


def _split(name: str, url: str) -> SplitResult:
    """The parts of a URL whose port is a number. Raises ImproperlyConfigured, which never shows the URL: it holds a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} has no host and port that can be read: the port is a number from 0 to 65535, and the characters : / @ # ? [ ] "
            "of a password are written as %3A %2F %40 %23 %3F %5B %5D."
        ) from None
    return parts


def database_from_url(url: str) -> dict[str, Any]:
    """Django's connection settings for `postgresql://user:password@host:port/name?host=/socket/dir&sslmode=…`."""
    parts = _split("DATABASE_URL", url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ImproperlyConfigured(f"DATABASE_URL must begin with postgresql://, not {parts.scheme or 'nothing'}://.")
    options = dict(parse_qsl(parts.query))
    return {
        "NAME": unquote(parts.path.lstrip("/")) or "batuta",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or parts.hostname or "",
        "PORT": str(parts.port or options.pop("port", "") or ""),
        "OPTIONS": options,
    }


def with_redis_database(url: str, number: int) -> str:
    """The same Redis server, another database number."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{number}"))


def server_urls(purpose: embedded.Purpose) -> tuple[str, str]:
    """(database URL, Redis URL) of this process; private servers are started where a URL is missing."""
    given = environment()
    database = given.database_url.get_secret_value() if given.database_url else ""
    redis = given.redis_url.get_secret_value() if given.redis_url else ""
    if redis and _split("REDIS_URL", redis).scheme not in ("redis", "rediss"):
        raise ImproperlyConfigured(
            "REDIS_URL must begin with redis:// or rediss://, e.g. redis://:password@host:6379/0."
        )
    if database:
        database_from_url(database)
    if database and redis:
        return database, redis
    if given.batuta_servers == "none":
        return database or "postgresql://none@127.0.0.1:1/none", redis or "redis://127.0.0.1:1/0"
    try:
        private = embedded.urls(purpose)
    except embedded.ServersUnavailable as error:
        raise ImproperlyConfigured(str(error)) from error
    return database or private.database_url, redis or private.redis_url
