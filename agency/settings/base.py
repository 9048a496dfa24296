"""Settings that hold everywhere. What differs on a laptop, in tests and in production is in the sibling modules."""

from pathlib import Path
from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from agency.settings.accounts import *
from agency.settings.environment import environment, read_variable
from agency.settings.navigation import NAVIGATION as NAVIGATION
from agency.settings.web import *

ENV = environment()
BASE_DIR = Path(__file__).resolve().parents[2]

ALLOWED_HOSTS = [host.strip() for host in ENV.allowed_hosts.split(",") if host.strip()]
PUBLIC_BASE_URL = ENV.public_base_url.rstrip("/")
SANDBOX_URL = ENV.sandbox_url.rstrip("/")
READ_VARIABLE = read_variable  # of the connections that are written in the environment: integrations/environment.py
DNS_SERVER = ENV.dns_server
SEND_CONCURRENCY = ENV.send_concurrency
API_REQUESTS_PER_MINUTE = ENV.api_requests_per_minute
# How many days each kind of record is kept; agency/kit/retention.py says by what, docs/retention.md why.
_KEPT = {
    name.removeprefix("keep_").removesuffix("_days"): name for name in type(ENV).model_fields if name[:5] == "keep_"
}
KEEP_DAYS: dict[str, int] = {name: getattr(ENV, variable) for name, variable in _KEPT.items()}
KEEP_DAYS_BY_DEFAULT: dict[str, int] = {
    name: type(ENV).model_fields[variable].default for name, variable in _KEPT.items()
}
# The API's resources: tag in the OpenAPI document → router.
API_ROUTERS = {
    "contacts": "messaging.api.contacts.router",
    "imports": "messaging.api.imports.router",
    "templates": "messaging.api.templates.router",
    "senders": "messaging.api.senders.router",
    "messages": "messaging.api.messages.router",
    "campaigns": "campaigns.outreach.api.campaigns.router",
    "schedules": "campaigns.outreach.api.schedules.router",
    "executions": "campaigns.outreach.api.runs.router",
    "freeze": "agency.api.freeze.router",
}

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "channels",
    "django_celery_beat",
    "django_celery_results",
    "agency",
    "integrations",
    "messaging",
    "campaigns.outreach",
    "automations",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "agency.views.middleware.api_problems",
    "agency.views.middleware.edge",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "agency.views.middleware.reader_preferences",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "agency.views.middleware.content_security_policy",
]

ROOT_URLCONF = "agency.urls"
ASGI_APPLICATION = "agency.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["django.template.loaders.filesystem.Loader", "agency.views.templates.NonceLoader"],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "agency.views.freeze.freeze_notice",
            ],
        },
    },
]

# Language and time ----------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", _("Portuguese (Brazil)")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = ENV.time_zone
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Files ----------------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT: Path | None = None  # served from the packages; production collects them
WHITENOISE_USE_FINDERS = True
MEDIA_ROOT = BASE_DIR / "media"
STORAGES: dict[str, Any] = {
    "default": {
        "BACKEND": "integrations.s3.files.MediaFiles"
        if ENV.media_store == "s3"
        else "django.core.files.storage.FileSystemStorage"
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# Celery: each setting says why (docs/operations.md has the long story) --------------------------------------------------
CELERY_TASK_SERIALIZER = "json"  # a message is ids and short text; nothing else may travel
CELERY_ACCEPT_CONTENT = ["json"]  # a pickled message could run code
CELERY_ENABLE_UTC = True  # no message depends on a machine's time zone
CELERY_TIMEZONE = "UTC"  # zones belong to schedules, not to Celery
CELERY_TASK_ACKS_LATE = True  # a killed child leaves its message to be delivered again
CELERY_TASK_REJECT_ON_WORKER_LOST = True  # the same when the pool notices the death itself
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # a busy process hoards nothing
CELERY_TASK_CREATE_MISSING_QUEUES = False  # a mistyped queue name is an error, not a queue nobody reads
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20  # seconds for running batches to record what they sent
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = True  # also messages fetched but not begun go back at once
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True  # else each lost connection runs them twice
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 300_000  # kB; a leak ends one child, not the machine
CELERY_TASK_TIME_LIMIT = 240  # seconds; below the visibility timeout, so nothing is delivered twice while it still runs
CELERY_TASK_IGNORE_RESULT = True  # results are kept only where a chord or a person reads them
CELERY_TASK_TRACK_STARTED = False  # one write a task less; rows have their own states
VISIBILITY_TIMEOUT = 600  # seconds; above the hard time limit, and equal in all three places
CELERY_VISIBILITY_TIMEOUT = VISIBILITY_TIMEOUT
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": VISIBILITY_TIMEOUT,
    "unacked_restore_interval": 5,  # seconds between looks for messages of dead workers
    "unacked_restore_throttle": 1,
    "socket_timeout": 30,  # a silent Redis is noticed
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"visibility_timeout": VISIBILITY_TIMEOUT}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True  # a worker may start before the broker does
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker outlives any outage of the broker
# A nudge that cannot be published is dropped within a second: the sweep finds its row.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0, "interval_max": 0.5}
CELERY_RESULT_EXPIRES = 86_400  # seconds
CELERY_RESULT_CHORD_JOIN_TIMEOUT = 60  # seconds; the sweep closes a wave whose chord hangs
CELERY_RESULT_EXTENDED = True  # the admin shows which task a result is of
CELERY_BEAT_SCHEDULER = "automations.beat:LeasedDatabaseScheduler"  # two Beats, one fires
CELERY_BEAT_SYNC_EVERY = 1  # a killed Beat forgets nothing it has sent
CELERY_BEAT_MAX_LOOP_INTERVAL = 1  # seconds; ticks are due every second
CELERY_BEAT_CRON_STARTING_DEADLINE = 300  # seconds; older slots belong to the slot ledger's catch-up
CELERY_TASK_DEFAULT_QUEUE = "maintenance"  # what is not routed hurries least
CELERY_WORKER_HIJACK_ROOT_LOGGER = False  # logs have one shape in every process
CELERY_WORKER_SEND_TASK_EVENTS = False  # nobody listens; each would be a message

QUEUES = ("critical", "beat", "webhooks", "send", "bulk", "maintenance")
TASK_ROUTES = {
    "messaging.dispatch_jobs": "critical",
    "messaging.sweep_jobs": "critical",
    "messaging.close_wave": "critical",
    "messaging.wake_crowded": "critical",
    "messaging.send_batch": "send",
    "messaging.import_contacts": "bulk",
    "integrations.dispatch_inbound": "webhooks",
    "integrations.confirm_subscription": "webhooks",
    "outreach.prepare_execution": "bulk",
    "outreach.*": "critical",
    "automations.*": "beat",
}
CELERY_TASK_ROUTES = {name: {"queue": queue} for name, queue in TASK_ROUTES.items()}

# Admin ----------------------------------------------------------------------------------------------------------------
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Batuta",
    "SITE_HEADER": "Batuta",
    "SITE_SUBHEADER": _("the agency's baton"),
    "SITE_URL": None,
    "SITE_ICON": lambda request: static("agency/logo.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("agency/logo.svg")},
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("agency/admin.css")],
    "SCRIPTS": [lambda request: static("agency/keys.js")],
    "DASHBOARD_CALLBACK": "agency.admin.home.home_context",
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": "agency.admin.navigation.sidebar"},
    "ACCOUNT": {
        "navigation": [
            {"title": _("Preferences"), "link": "/accounts/preferences/"},
            {"title": _("Password"), "link": "/accounts/password/change/"},
            {"title": _("Second factor"), "link": "/accounts/2fa/"},
            {"title": _("Sessions"), "link": "/accounts/sessions/"},
        ]
    },
}

# Mail -----------------------------------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = ENV.default_from_email
