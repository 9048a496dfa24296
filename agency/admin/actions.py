"""What the audit log's actions are called. Each package names its own, in its admin:

    declare_actions({"pause_campaign": gettext_lazy("paused a campaign")})

A house test demands words for every action that an operation writes.
"""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

_words: dict[str, str | Promise] = {}


def declare_actions(words: Mapping[str, str | Promise]) -> None:
    """Say what these actions are called, as the end of a sentence that begins with who did it; declaring twice is harmless."""
    _words.update(words)


def action_words(action: str) -> str:
    """“paused a campaign”; the code itself where nobody has words for it (an entry of an older version)."""
    return str(_words.get(action, action))


declare_actions(
    {
        "accept_invitation": gettext_lazy("accepted an invitation"),
        "acknowledge_alert": gettext_lazy("took on an alert"),
        "change_access": gettext_lazy("changed somebody's role or clients"),
        "change_client": gettext_lazy("changed a client"),
        "change_client_state": gettext_lazy("activated, paused or ended a client"),
        "change_employee": gettext_lazy("changed an employee"),
        "change_preferences": gettext_lazy("changed their preferences"),
        "clear_alert": gettext_lazy("ended an alert"),
        "create_administrator": gettext_lazy("made an administrator"),
        "create_client": gettext_lazy("created a client"),
        "create_employee": gettext_lazy("added an employee"),
        "freeze_sending": gettext_lazy("froze all sending"),
        "invite_person": gettext_lazy("invited a person"),
        "issue_token": gettext_lazy("issued an API token"),
        "lift_freeze": gettext_lazy("let sending go on"),
        "prune_records": gettext_lazy("deleted records after their days"),
        "raise_alert": gettext_lazy("raised an alert"),
        "read_personal_data": gettext_lazy("took personal data away"),
        "renew_local_login": gettext_lazy("renewed the local login"),
        "repeat_invitation": gettext_lazy("repeated an invitation"),
        "revoke_token": gettext_lazy("revoked an API token"),
        "switch_account": gettext_lazy("switched an account on or off"),
        "sync_roles": gettext_lazy("brought a role up to date"),
        "worsen_alert": gettext_lazy("made an alert more severe"),
    }
)
