"""Messaging in the admin. Each module registers its records; it is imported here, one line each."""

from messaging.admin import actions as actions
from messaging.admin import consents as consents
from messaging.admin import contacts as contacts
from messaging.admin import dead_letters as dead_letters
from messaging.admin import delivery_events as delivery_events
from messaging.admin import home as home
from messaging.admin import imports as imports
from messaging.admin import messages as messages
from messaging.admin import recipients as recipients
from messaging.admin import send_jobs as send_jobs
from messaging.admin import sender_pools as sender_pools
from messaging.admin import senders as senders
from messaging.admin import suppressions as suppressions
from messaging.admin import tags as tags
from messaging.admin import templates as templates
