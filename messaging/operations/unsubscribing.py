"""A person leaves by the link in a message."""

from django.db import transaction
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.operations.audit import record_audit
from messaging.operations.replies import stop_writing
from messaging.selectors.subscriptions import Subscription, subscription_of

ACTOR = Actor.system("messaging.unsubscribe_link")


@transaction.atomic
def unsubscribe(*, recipient_id: int) -> Subscription:
    """Never write to the address of this message again, as after a STOP; what is queued for the person is skipped at once.

    Whoever holds the signed link may do it, as often as they like. Raises OperationRefused when the person is not known any more.
    """
    found = subscription_of(recipient_id)
    if found is None:
        raise OperationRefused("unknown_person", _("We keep nothing of this message any more."))
    fresh = stop_writing(
        client_id=found.client.pk,
        channel=found.channel,
        address=found.address,
        contact=found.contact,
        source="unsubscribe link",
    )
    if fresh:
        record_audit(
            actor=ACTOR,
            action="unsubscribe",
            subject=found.contact,
            client=found.client,
            after={"channel": found.channel.name.lower(), "recipient": recipient_id},
        )
    return found
