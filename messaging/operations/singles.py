"""One message to one person: the same queue, the same claim, a priority of its own."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from messaging.models import Contact, Message, Recipient, Sender, TemplateVersion
from messaging.operations.jobs import ADDRESS_FIELD, JobOrder, add_recipients, complete_audience, open_job
from messaging.states import ChannelKind, Direction, MessageKind, TemplateState


@dataclass(frozen=True, slots=True)
class SingleMessage:
    """To whom, from where and what: either a text (with a subject for e-mail) or a template version with its variables."""

    contact: Contact
    sender: Sender
    text: str = ""
    subject: str = ""
    template_version: TemplateVersion | None = None
    variables: dict[str, Any] | None = None
    kind: MessageKind = MessageKind.SINGLE
    priority: int = 0


@transaction.atomic
def send_single_message(*, message: SingleMessage, actor: Actor) -> Message:
    """Queue one message. Returns its `Message` row, whose `recipient_id` carries the state."""
    contact, sender = message.contact, message.sender
    channel = ChannelKind(sender.channel)
    if contact.client_id != sender.client_id:
        raise InvalidInput("other_client", _("The contact and the sender belong to different clients."), "sender")
    if bool(message.text.strip()) == (message.template_version is not None):
        raise InvalidInput("text_or_template", _("Give either a text or a template."), "text")
    if message.template_version is not None:
        template = message.template_version.template
        if (template.client_id, template.channel) != (contact.client_id, channel):
            raise InvalidInput("wrong_template", _("Choose a template of this client and channel."), "template")
        if template.state != TemplateState.APPROVED:
            text = _("The template “%(name)s” is %(state)s; only an approved one can be sent.")
            raise InvalidInput(
                "template_not_approved",
                text % {"name": template.name, "state": template.get_state_display()},
                "template",
            )
    address = getattr(contact, ADDRESS_FIELD[channel]) or (
        contact.whatsapp_id if channel == ChannelKind.WHATSAPP else None
    )
    if not address:
        raise InvalidInput("no_address", _("The contact has no address on this channel."), "contact")
    order = JobOrder(
        client=contact.client,
        kind=message.kind,
        channel=channel,
        sender_ids=[sender.pk],
        template_version=message.template_version,
        subject=message.subject,
        text=message.text,
        variables=message.variables or {},
        priority=message.priority,
    )
    job = open_job(order=order, actor=actor)
    add_recipients(
        job=job, contacts=Contact.objects.filter(pk=contact.pk), after_id=contact.pk - 1, up_to_id=contact.pk
    )
    complete_audience(job_id=job.pk)
    recipient = Recipient.objects.only("pk").get(job=job, contact_id=contact.pk)
    return Message.objects.create(
        client=contact.client,
        contact=contact,
        sender=sender,
        direction=Direction.OUTBOUND,
        channel=channel,
        address=address,
        text=message.text,
        recipient_id=recipient.pk,
    )
