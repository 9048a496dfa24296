"""Messaging in the admin. Each module registers its records; it is imported here, one line each."""

from messaging.admin import consents as consents
from messaging.admin import contacts as contacts
from messaging.admin import home as home
from messaging.admin import imports as imports
from messaging.admin import suppressions as suppressions
from messaging.admin import tags as tags
