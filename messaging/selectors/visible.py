"""Which records of messaging a person may see: those of visible clients. Doors start every query here."""

from django.db.models import Q, QuerySet

from agency.selectors.access import Viewer, only_visible, sees_everything, visible_clients
from integrations.models import Connection
from messaging.models import (
    Consent,
    Contact,
    ContactImport,
    DeadLetter,
    DeliveryEvent,
    Message,
    Recipient,
    Sender,
    SenderPool,
    SendJob,
    Suppression,
    Tag,
    Template,
)
from messaging.states import Reason, RecipientState


def visible_contacts(user: Viewer) -> QuerySet[Contact]:
    """Contacts of visible clients."""
    return only_visible(Contact.objects.select_related("client"), user)


def visible_tags(user: Viewer) -> QuerySet[Tag]:
    """Tags of visible clients."""
    return only_visible(Tag.objects.select_related("client"), user)


def visible_consents(user: Viewer) -> QuerySet[Consent]:
    """Consents of visible contacts."""
    return only_visible(Consent.objects.select_related("contact__client"), user, "contact__client")


def visible_suppressions(user: Viewer) -> QuerySet[Suppression]:
    """Suppressed addresses of visible clients."""
    return only_visible(Suppression.objects.select_related("client"), user)


def visible_imports(user: Viewer) -> QuerySet[ContactImport]:
    """Contact imports of visible clients."""
    return only_visible(ContactImport.objects.select_related("client", "created_by"), user)


def visible_senders(user: Viewer) -> QuerySet[Sender]:
    """Senders of visible clients."""
    return only_visible(Sender.objects.select_related("client", "connection"), user)


def visible_sender_pools(user: Viewer) -> QuerySet[SenderPool]:
    """Sender pools of visible clients."""
    return only_visible(SenderPool.objects.select_related("client"), user)


def visible_templates(user: Viewer) -> QuerySet[Template]:
    """Templates of visible clients, with their current version."""
    return only_visible(Template.objects.select_related("client", "current"), user)


def visible_jobs(user: Viewer) -> QuerySet[SendJob]:
    """Send jobs of visible clients."""
    return only_visible(SendJob.objects.select_related("client", "template_version__template"), user)


def visible_recipients(user: Viewer) -> QuerySet[Recipient]:
    """Recipients of visible clients' jobs, with job and sender; without the person, who may have been erased: a join would hide the row."""
    return only_visible(Recipient.objects.select_related("job__client", "sender"), user, "job__client")


def visible_dead_letters(user: Viewer) -> QuerySet[DeadLetter]:
    """Recipients that were given up after all attempts, of visible clients' jobs."""
    given_up = DeadLetter.objects.filter(state=RecipientState.FAILED, reason=Reason.ATTEMPTS_EXHAUSTED)
    return only_visible(given_up.select_related("job__client", "sender"), user, "job__client")


def visible_messages(user: Viewer) -> QuerySet[Message]:
    """Inbound and one-to-one messages of visible clients."""
    return only_visible(Message.objects.select_related("client", "contact", "sender"), user)


def visible_delivery_events(user: Viewer) -> QuerySet[DeliveryEvent]:
    """What arrived at visible clients' own connections, and at the agency's own where it belongs to a visible client's job.

    By connection, of which there are few: the planner then walks the list backwards instead of joining every event with its job.
    """
    if sees_everything(user):
        return DeliveryEvent.objects.all()
    clients = list(visible_clients(user).values_list("pk", flat=True))
    own = list(Connection.objects.filter(client__in=clients).values_list("pk", flat=True))
    shared = list(Connection.objects.filter(client__isnull=True).values_list("pk", flat=True)) if clients else []
    seen = Q(connection_id__in=own)
    if shared:
        seen |= Q(connection_id__in=shared, job_id__in=visible_jobs(user).order_by().values("pk"))
    return DeliveryEvent.objects.filter(seen)
