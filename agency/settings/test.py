"""Tests: the real PostgreSQL and Valkey, on a private cluster without fsync; fast password hashing; nothing leaves the machine."""

import os

from agency.embedded import TEST_PURPOSES
from agency.settings.base import *
from agency.settings.base import QUEUES
from agency.settings.environment import no_variable
from agency.settings.runtime import server_settings

# pytest-xdist names its processes gw0, gw1: each has private servers of its own.
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
globals().update(server_settings(TEST_PURPOSES[_PROCESS], QUEUES))

DEBUG = False
SECRET_KEY = "only-for-tests-" + "0" * 50
ENCRYPTION_KEYS = ["VGhpcyBrZXkgaXMgb25seSB1c2VkIGluIHRlc3RzISE="]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
PUBLIC_BASE_URL = "http://127.0.0.1:8000"
WHITENOISE_AUTOREFRESH = True  # static files are found where they are; nothing is collected for a test
DNS_SERVER = "127.0.0.1:9"  # nobody answers there; a test that asks starts a server of its own
READ_VARIABLE = no_variable  # no connection comes from the environment of whoever runs the tests
