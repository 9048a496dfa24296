"""Production: every secret must be given, HTTPS everywhere."""

from django.core.exceptions import ImproperlyConfigured

from agency.settings.base import *
from agency.settings.base import BASE_DIR, ENV, PUBLIC_BASE_URL, QUEUES, STORAGES
from agency.settings.environment import revealed
from agency.settings.logs import logging_settings
from agency.settings.mail import mail_settings
from agency.settings.runtime import server_settings

_missing = [
    name.upper()
    for name in ("secret_key", "encryption_keys", "database_url", "redis_url")
    if getattr(ENV, name) is None
]
if _missing:
    raise ImproperlyConfigured(
        f"Set {', '.join(_missing)} (or the same with _FILE, or AWS_SECRETS_ID) before starting in production; "
        "`python manage.py doctor --keys` prints fresh keys."
    )

globals().update(mail_settings())
globals().update(server_settings("main", QUEUES))

DEBUG = False
LOGGING = logging_settings(level=ENV.log_level or "INFO", json_lines=True, directory=ENV.log_dir)
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = False
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
SECRET_KEY = revealed(ENV.secret_key)
ENCRYPTION_KEYS = revealed(ENV.encryption_keys).split(",")
SECURE_SSL_REDIRECT = PUBLIC_BASE_URL.startswith("https://")
# Health checks and Prometheus come from inside, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]
