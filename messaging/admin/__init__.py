"""Messaging in the admin. Each module registers its records; it is imported here, one line each."""

from messaging.admin import consents as consents
from messaging.admin import home as home
from messaging.admin import suppressions as suppressions
