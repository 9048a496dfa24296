"""Settings that follow from where the servers are: databases, broker, results, cache, channel layer, limiter."""

from typing import Any

from kombu import Exchange, Queue
from redis.backoff import NoBackoff
from redis.retry import Retry

from agency.embedded import Purpose
from agency.settings.environment import environment
from agency.settings.servers import database_from_url, server_urls, with_redis_database


def server_settings(purpose: Purpose, queues: tuple[str, ...]) -> dict[str, Any]:
    """Every setting that holds an address. Broker, cache and limiter use separate databases, and separate URLs when given."""
    given = environment()
    database_url, redis_url = server_urls(purpose)
    cache_url = given.cache_url.get_secret_value() if given.cache_url else with_redis_database(redis_url, 1)
    limiter_url = given.limiter_url.get_secret_value() if given.limiter_url else with_redis_database(redis_url, 2)
    database = database_from_url(database_url)
    options = database["OPTIONS"]
    if given.batuta_servers != "none":
        # A process has few threads that query; the pool keeps what it needs and gives the rest back.
        options["pool"] = {"min_size": 0, "max_size": 4, "timeout": 30, "max_idle": 60}
    database |= {"ENGINE": "django.db.backends.postgresql", "CONN_HEALTH_CHECKS": True}
    return {
        "DATABASES": {"default": database},
        "REDIS_URL": redis_url,
        "REDIS_IS_PRIVATE": given.redis_url is None,
        "LIMITER_URL": limiter_url,
        "CELERY_BROKER_URL": redis_url,
        "CELERY_RESULT_BACKEND": f"agency.results:ResultStore+{redis_url}",
        "CELERY_TASK_QUEUES": [Queue(name, Exchange(name, type="direct"), routing_key=name) for name in queues],
        "CACHES": {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": cache_url,
                "KEY_PREFIX": "batuta",
                # A page does not wait for a cache that is away; the library's own retries would take eight seconds.
                "OPTIONS": {"retry": Retry(NoBackoff(), 0), "socket_timeout": 2, "socket_connect_timeout": 2},
            },
        },
        "CHANNEL_LAYERS": {
            "default": {
                "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
                "CONFIG": {"hosts": [cache_url], "prefix": "batuta.live"},
            },
        },
    }
