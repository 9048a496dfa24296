"""Single messages: send one, see what became of it."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from pydantic import JsonValue

from agency.api.access import actor_of_token, caller, token, visible_or_404
from agency.api.idempotency import idempotent
from agency.api.pages import Page, PageQuery, page_of
from agency.kit.errors import InvalidInput
from agency.rules.masking import masked
from agency.rules.roles import PERSONAL_DATA, SEND_MESSAGES
from messaging.api.fields import Channel, MessageText, RecordId, Short, Subject, state_name
from messaging.models import Message, Recipient
from messaging.operations.singles import SingleMessage, send_single_message
from messaging.selectors.visible import visible_contacts, visible_messages, visible_senders, visible_templates
from messaging.states import Direction, Reason

router = Router()
read = token("messages:read", "messaging.view_message")


class MessageIn(Schema):
    """To whom, from where, and either a text (with a subject for e-mail) or a template."""

    contact: RecordId
    sender: RecordId
    text: MessageText = ""
    subject: Subject = ""
    template: RecordId | None = None
    variables: Annotated[dict[Short, JsonValue], Field(max_length=100)] = {}


class MessageOut(Schema):
    """A message. `state` and `reason` are those of its sending; empty for inbound ones."""

    id: int
    client: str
    contact: int | None
    sender: int | None
    direction: str
    channel: Channel
    address: str
    text: str
    state: str
    reason: str
    at: datetime


class MessageQuery(PageQuery):
    """Which messages."""

    contact: RecordId | None = None


def message_out(request: HttpRequest, message: Message, recipient: Recipient | None) -> MessageOut:
    """A message as its reader may see it."""
    clear = caller(request).has_perm(PERSONAL_DATA)
    return MessageOut(
        id=message.pk,
        client=message.client.slug,
        contact=message.contact_id,
        sender=message.sender_id,
        direction=Direction(message.direction).name.lower(),
        channel=Channel.of(message.channel),
        address=message.address if clear else masked(message.address),
        text=message.text if clear else masked(message.text),
        state=state_name(recipient.state) if recipient else "",
        reason=Reason(recipient.reason).name.lower() if recipient and recipient.reason else "",
        at=message.at,
    )


@router.post(
    "/messages", response={202: MessageOut}, auth=token("messages:send", SEND_MESSAGES), summary="Send one message"
)
@idempotent
def send(request: HttpRequest, body: MessageIn) -> tuple[int, Schema]:
    """Queue one message; it passes the same checks (suppression, limits, windows) as every other."""
    user = caller(request)
    version = None
    if body.template is not None:
        version = visible_or_404(visible_templates(user), body.template).current
        if version is None:
            raise InvalidInput("template_without_version", "This template has no wording yet.", field="body.template")
    message = send_single_message(
        message=SingleMessage(
            contact=visible_or_404(visible_contacts(user), body.contact),
            sender=visible_or_404(visible_senders(user), body.sender),
            text=body.text,
            subject=body.subject,
            template_version=version,
            variables=dict(body.variables),
        ),
        actor=actor_of_token(request),
    )
    return 202, message_out(request, message, Recipient.objects.filter(pk=message.recipient_id or 0).first())


@router.get("/messages", response=Page[MessageOut], auth=read, summary="List messages")
def list_messages(request: HttpRequest, query: Query[MessageQuery]) -> dict[str, Any]:
    """Inbound and single outbound ones, newest first."""
    messages = visible_messages(caller(request))
    if query.contact is not None:
        messages = messages.filter(contact=visible_or_404(visible_contacts(caller(request)), query.contact))
    rows, cursor = page_of(messages, query)
    recipients = Recipient.objects.in_bulk([row.recipient_id for row in rows if row.recipient_id])
    items = [message_out(request, row, recipients.get(row.recipient_id)) for row in rows]
    return {"items": items, "next_cursor": cursor}


@router.get("/messages/{int:message_id}", response=MessageOut, auth=read, summary="Read a message")
def read_message(request: HttpRequest, message_id: RecordId) -> MessageOut:
    """One message with the state of its sending."""
    message = visible_or_404(visible_messages(caller(request)), message_id)
    return message_out(request, message, Recipient.objects.filter(pk=message.recipient_id or 0).first())
