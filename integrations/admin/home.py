"""What the integration layer puts on the home page: webhooks that could not be applied."""

from collections.abc import Iterable

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agency.admin.words import number
from agency.kit.home import Need, Tone, register_needs
from agency.models import User
from integrations.selectors.inbound_events import FAILED_SHOWN, failed_inbound_events


def needs(user: User) -> Iterable[Need]:
    """Dead webhooks together. What is wrong with connections stands there as alerts."""
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


register_needs(needs)
