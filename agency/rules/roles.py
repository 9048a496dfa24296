"""What each role may do, as patterns over permission names (`app.codename`, `*` matches any text). Pure.

Which rows a person sees is a different question, answered by grants (`agency.selectors.access`). Our own permissions stand beside Django's
view/add/change/delete: they guard personal data, money and effects. A pattern for an app that is not installed matches nothing.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

PERSONAL_DATA = "agency.view_personal_data"  # names, addresses and message texts in clear
MONEY = "agency.view_money"  # prices, costs, margins
RUN_CAMPAIGNS = "agency.run_campaigns"  # start, pause, resume, cancel a mass send
SEND_MESSAGES = "agency.send_messages"  # write to one person
IMPORT_CONTACTS = "agency.import_contacts"
INVITE_PEOPLE = "agency.invite_people"  # accounts, roles, grants
FREEZE = "agency.freeze_sending"  # stop every message of every client at once, and let them go on
OPERATE_ENGINE = "agency.operate_engine"  # retry dead letters, pause senders, look at system state

OWN_PERMISSIONS = (
    PERSONAL_DATA,
    MONEY,
    RUN_CAMPAIGNS,
    SEND_MESSAGES,
    IMPORT_CONTACTS,
    INVITE_PEOPLE,
    FREEZE,
    OPERATE_ENGINE,
)

_CLIENTS = ("agency.view_client",)
_ALERTS = ("agency.view_alert", "agency.change_alert")
_OWN_TOKENS = ("agency.view_apitoken", "agency.add_apitoken", "agency.change_apitoken")
_OUTREACH_READING = ("messaging.view_*", "outreach.view_*")

ROLES: dict[str, tuple[str, ...]] = {
    "director": ("*",),
    "account_manager": (
        *_CLIENTS,
        *_ALERTS,
        *_OWN_TOKENS,
        "agency.view_auditentry",
        "messaging.*",
        "outreach.*",
        "integrations.view_*",
        "automations.view_*",
        PERSONAL_DATA,
        MONEY,
        RUN_CAMPAIGNS,
        SEND_MESSAGES,
        IMPORT_CONTACTS,
    ),
    "finance": (*_CLIENTS, "finance.*", "outreach.view_campaign", "outreach.view_execution", MONEY),
    "analyst": (*_CLIENTS, *_OUTREACH_READING, "outreach.add_segment", "outreach.change_segment", "automations.view_*"),
    "agent": (
        *_CLIENTS,
        "messaging.view_contact",
        "messaging.change_contact",
        "messaging.view_message",
        "messaging.view_consent",
        "messaging.view_suppression",
        "messaging.add_suppression",
        "messaging.view_template",
        "messaging.view_sender",
        PERSONAL_DATA,
        SEND_MESSAGES,
    ),
    "tech": (
        *_CLIENTS,
        *_ALERTS,
        *_OWN_TOKENS,
        *_OUTREACH_READING,
        "messaging.change_sender",
        "integrations.*",
        "automations.*",
        "django_celery_beat.*",
        "django_celery_results.view_*",
        OPERATE_ENGINE,
    ),
    "read_only": (*_CLIENTS, *_OUTREACH_READING),
}


def permissions_of(role: str, known: Iterable[str]) -> set[str]:
    """The permissions of a role among all known ones. An unknown role has none."""
    patterns = ROLES.get(role, ())
    return {name for name in known if any(fnmatchcase(name, pattern) for pattern in patterns)}
