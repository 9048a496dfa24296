"""The agency's own checks and gauges: database, Redis, queues, clock, keys, migrations, disk."""

import shutil
import time
from collections.abc import Iterable

import psycopg
import redis
from celery import current_app
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from agency.kit.health import CANARY_KEY, Finding, Health
from agency.kit.metrics import Sample

OLDEST_CANARY = 120  # seconds; Beat sends one each 30 s
LARGEST_SKEW = 2.0  # seconds between this machine and the servers; leases use the database's clock
LEAST_DISK = 2 * 1024**3
CONNECT_SECONDS = 5  # the pool would wait for half a minute before it says that PostgreSQL is away
PING_SECONDS = 0.7  # a worker answers at once, also one that is busy


def _redis(url: str) -> "redis.Redis":
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=3, socket_connect_timeout=3)


def check_database() -> Finding:
    """PostgreSQL answers, in a version that has what we use."""
    parameters = connection.get_connection_params() | {"connect_timeout": CONNECT_SECONDS}
    try:
        with psycopg.connect(**parameters) as probe:
            number, version = probe.info.server_version, probe.info.parameter_status("server_version")
    except psycopg.OperationalError as error:
        first_line = (str(error).strip().splitlines() or [""])[0]
        todo = _("Start PostgreSQL, or correct DATABASE_URL (on your own machine: unset it).")
        return Finding(Health.FAILED, first_line[:300], todo)
    if number < 180_000:
        return Finding(Health.FAILED, f"PostgreSQL {version}", _("Batuta needs PostgreSQL 18 or newer."))
    return Finding(Health.OK, f"PostgreSQL {version}")


def check_redis() -> Finding:
    """The broker answers and never drops messages to save memory."""
    try:
        with _redis(settings.REDIS_URL) as client:
            facts = client.info()
            policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "unknown")
    except (RedisConnectionError, RedisTimeoutError) as error:
        todo = _("Start Valkey, or correct REDIS_URL (on your own machine: unset it).")
        return Finding(Health.FAILED, str(error)[:300], todo)
    version = facts.get("valkey_version") or facts.get("redis_version")
    if policy != "noeviction":
        return Finding(
            Health.DEGRADED,
            _("version %(version)s, maxmemory-policy %(policy)s") % {"version": version, "policy": policy},
            _("Set maxmemory-policy noeviction: a broker must not drop messages."),
        )
    return Finding(Health.OK, _("version %(version)s") % {"version": version})


def canary_ages() -> dict[str, float | None]:
    """Seconds since each queue's last canary was answered; None: never."""
    keys = {CANARY_KEY.format(queue=queue): queue for queue in settings.QUEUES}
    answers = cache.get_many(list(keys))
    now = time.time()
    return {queue: (now - answers[key] if key in answers else None) for key, queue in keys.items()}


def check_queues() -> Finding:
    """Every queue has a worker that consumes: a canary came through lately."""
    silent = sorted(queue for queue, age in canary_ages().items() if age is None or age > OLDEST_CANARY)
    if silent:
        return Finding(
            Health.FAILED,
            _("nothing consumes: %(queues)s") % {"queues": ", ".join(silent)},
            _(
                "Start the workers of the Procfile (and Beat, which sends the canaries), or `make up` on your own machine."
            ),
        )
    with _redis(settings.REDIS_URL) as client:
        waiting = sum(client.llen(queue) for queue in settings.QUEUES)
    words = ngettext(
        "%(number)s queues answer, %(waiting)s message waits",
        "%(number)s queues answer, %(waiting)s messages wait",
        waiting,
    )
    text = words % {"number": len(settings.QUEUES), "waiting": number_format(waiting, force_grouping=True)}
    return Finding(Health.OK, text)


def check_workers() -> Finding:
    """Which worker processes answer, by the part of their name before the machine's."""
    answers = current_app.control.ping(timeout=PING_SECONDS) or []
    names = sorted(name.split("@")[0] for answer in answers for name in answer)
    if not names:
        return Finding(Health.FAILED, _("none answers"), _("Start the workers of the Procfile, or `make up`."))
    shown = ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
    text = ngettext("%(number)s answers: %(names)s", "%(number)s answer: %(names)s", len(names))
    return Finding(Health.OK, text % {"number": len(names), "names": shown})


def check_migrations() -> Finding:
    """The tables are those of this code."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        text = _("%(number)d migrations are not applied") % {"number": len(plan)}
        return Finding(Health.FAILED, text, _("Run `python manage.py migrate`."))
    return Finding(Health.OK, _("all applied"))


def check_clock() -> Finding:
    """This machine's clock agrees with PostgreSQL's and Redis'."""
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        (database,) = cursor.fetchone()
    between = time.time()
    with _redis(settings.REDIS_URL) as client:
        seconds, micros = client.time()
    after = time.time()
    skews = (abs(database - (before + between) / 2), abs(seconds + micros / 1e6 - (between + after) / 2))
    worst = max(skews)
    if worst > LARGEST_SKEW:
        text = _("clocks differ by %(seconds).1f s") % {"seconds": worst}
        return Finding(Health.DEGRADED, text, _("Run an NTP client on this machine and on the servers."))
    return Finding(Health.OK, _("within %(number).0f ms") % {"number": worst * 1000})


def check_keys() -> Finding:
    """The signing key is long, the encryption keys are Fernet keys."""
    for key in settings.ENCRYPTION_KEYS:
        Fernet(key)
    if len(settings.SECRET_KEY) < 40:
        todo = _("`python manage.py doctor --keys` prints fresh keys.")
        return Finding(Health.DEGRADED, _("SECRET_KEY is short"), todo)
    return Finding(Health.OK, _("%(number)d encryption key(s)") % {"number": len(settings.ENCRYPTION_KEYS)})


def check_disk() -> Finding:
    """There is room for imports and logs."""
    free = shutil.disk_usage(settings.BASE_DIR).free
    text = _("%(number).1f GB free") % {"number": free / 1024**3}
    return Finding(Health.OK, text) if free > LEAST_DISK else Finding(Health.DEGRADED, text, _("Free some disk space."))


def queue_gauges() -> Iterable[Sample]:
    """For each queue: age of the last canary answer and messages waiting."""
    with _redis(settings.REDIS_URL) as client:
        pipe = client.pipeline()
        for queue in settings.QUEUES:
            pipe.llen(queue)
        lengths = pipe.execute()
    ages = canary_ages()
    for queue, length in zip(settings.QUEUES, lengths, strict=True):
        yield Sample("queue_length", "Messages waiting in a queue", float(length), {"queue": queue})
        age = ages[queue]
        if age is not None:
            yield Sample("queue_age_seconds", "Seconds since a queue's canary was last answered", age, {"queue": queue})
