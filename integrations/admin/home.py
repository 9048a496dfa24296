"""What the integration layer puts on the home page: connections that fail, webhooks that could not be applied."""

from collections.abc import Iterable

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agency.admin.words import number
from agency.kit.home import Need, Tone, register_needs
from agency.models import User
from integrations.health import HealthState
from integrations.models import Connection
from integrations.selectors.connections import troubled_connections
from integrations.selectors.inbound_events import FAILED_SHOWN, failed_inbound_events


def needs(user: User) -> Iterable[Need]:
    """Failing connections one by one, dead webhooks together."""
    if user.has_perm("integrations.view_connection"):
        yield from map(_connection_need, troubled_connections(user))
    if user.has_perm("integrations.view_inboundevent"):
        failed = failed_inbound_events(user)
        if failed:
            words = ngettext(
                "%(number)s webhook could not be applied", "%(number)s webhooks could not be applied", failed
            )
            count = number(failed) if failed < FAILED_SHOWN else _("%(number)s or more") % {"number": number(failed)}
            yield Need(
                title=words % {"number": count},
                text=_("Statuses and replies in them are not counted yet. Mend the cause, then replay them."),
                url=f"{reverse('admin:integrations_inboundevent_changelist')}?state__exact=3",
                tone=Tone.LOOK,
            )


def _connection_need(connection: Connection) -> Need:
    failed = connection.health == HealthState.FAILED.value
    words = _("Connection %(name)s does not work") if failed else _("Connection %(name)s needs a look")
    return Need(
        title=words % {"name": connection.name},
        text=connection.health_text or _("Open it and test it."),
        url=reverse("admin:integrations_connection_change", args=(connection.pk,)),
        tone=Tone.BROKEN if failed else Tone.LOOK,
        since=connection.checked_at,
    )


register_needs(needs)
