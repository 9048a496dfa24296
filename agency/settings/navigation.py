"""The sidebar of the admin, grouped by what people do. Records are named by label; one that has no page, or none the reader may see, is left out.

`Page(label, icon, key)`: `g` and then the key goes there. Titles are the records' own plural names unless given.
"""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Page(NamedTuple):
    """One entry: a record's list (`app.model`), another page of its admin (`part`), or `index` for the home page."""

    label: str
    icon: str
    key: str = ""
    title: str | Promise = ""
    part: str = "changelist"


NAVIGATION: tuple[tuple[str | Promise, tuple[Page, ...]], ...] = (
    ("", (Page("index", "home", "h", _("Home")), Page("agency.alert", "notifications", "q"))),
    (
        _("People"),
        (
            Page("messaging.contact", "group", "c"),
            Page("messaging.contactimport", "upload_file", "i", _("imports")),
            Page("messaging.suppression", "block", "u"),
            Page("messaging.consent", "how_to_reg"),
            Page("messaging.tag", "sell"),
        ),
    ),
    (
        _("Messages"),
        (
            Page("outreach.campaign", "campaign", "m"),
            Page("outreach.execution", "play_circle", "e"),
            Page("messaging.template", "draft", "t"),
            Page("outreach.segment", "filter_alt", "s"),
            Page("messaging.message", "chat", "b"),
        ),
    ),
    (
        _("Sending"),
        (
            Page("messaging.sender", "send", "d"),
            Page("messaging.senderpool", "workspaces", "p"),
            Page("messaging.recipient", "outbox", "r"),
            Page("messaging.deadletter", "report", "x"),
            Page("messaging.sendjob", "stacks"),
            Page("messaging.deliveryevent", "receipt_long"),
        ),
    ),
    (
        _("Automations"),
        (
            Page("automations.schedulerule", "schedule", "a"),
            Page("automations.slot", "event_note", "l"),
        ),
    ),
    (
        _("Integrations"),
        (
            Page("integrations.connection", "hub", "v", _("Services"), "services"),
            Page("integrations.connection", "cable", "n"),
            Page("integrations.inboundevent", "call_received", "w"),
            Page("integrations.modelrequest", "contact_support"),
            Page("integrations.fallbackchain", "low_priority"),
            Page("integrations.chainattempt", "alt_route"),
        ),
    ),
    (
        _("Agency"),
        (
            Page("agency.client", "storefront", "k"),
            Page("agency.employee", "badge"),
            Page("agency.user", "person", "y"),
            Page("agency.clientgrant", "key"),
        ),
    ),
    (
        _("System"),
        (
            Page("agency.freeze", "ac_unit", "z"),
            Page("agency.auditentry", "history", "o"),
            Page("agency.apitoken", "vpn_key"),
            Page("auth.group", "shield_person"),
            Page("automations.beatlease", "timer"),
            Page("django_celery_results.taskresult", "task"),
        ),
    ),
)
