"""Records of messaging."""

from messaging.models.contact import Consent, Contact, Suppression, Tag
from messaging.models.contact_import import ContactImport
from messaging.models.delivery_event import DeliveryEvent
from messaging.models.message import Message
from messaging.models.message_reference import MessageReference
from messaging.models.recipient import DeadLetter, Recipient
from messaging.models.send_job import JobTotal, SendJob, Tally, Wave
from messaging.models.sender import Sender, SenderPool
from messaging.models.template import Template, TemplateVersion

__all__ = [
    "Consent",
    "Contact",
    "ContactImport",
    "DeadLetter",
    "DeliveryEvent",
    "JobTotal",
    "Message",
    "MessageReference",
    "Recipient",
    "SendJob",
    "Sender",
    "SenderPool",
    "Suppression",
    "Tag",
    "Tally",
    "Template",
    "TemplateVersion",
    "Wave",
]
