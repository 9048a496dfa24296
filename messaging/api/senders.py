"""Senders, read only."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from agency.api.access import caller, client_or_404, token, visible_or_404
from agency.api.pages import Page, PageQuery, page_of
from messaging.api.fields import Channel, RecordId, Slug
from messaging.models import Sender
from messaging.selectors.visible import visible_senders

router = Router()
read = token("senders:read", "messaging.view_sender")


class SenderOut(Schema):
    """A sender; limits are messages per span, null where we set none."""

    id: int
    client: str
    name: str
    channel: Channel
    service: str
    address: str
    state: str
    state_why: str
    per_second: int | None
    per_minute: int | None
    per_hour: int | None
    per_day: int | None


class SenderQuery(PageQuery):
    """Which senders."""

    client: Slug | None = None


def sender_out(sender: Sender) -> SenderOut:
    """A sender as the API shows it."""
    limits = {name: getattr(sender, name) for name in ("per_second", "per_minute", "per_hour", "per_day")}
    return SenderOut(
        id=sender.pk,
        client=sender.client.slug,
        name=sender.name,
        channel=Channel.of(sender.channel),
        service=sender.connection.service,
        address=sender.address,
        state=sender.state,
        state_why=sender.state_why,
        **limits,
    )


@router.get("/senders", response=Page[SenderOut], auth=read, summary="List senders")
def list_senders(request: HttpRequest, query: Query[SenderQuery]) -> dict[str, Any]:
    """Newest first."""
    senders = visible_senders(caller(request))
    if query.client is not None:
        senders = senders.filter(client=client_or_404(request, query.client))
    rows, cursor = page_of(senders, query)
    return {"items": [sender_out(sender) for sender in rows], "next_cursor": cursor}


@router.get("/senders/{int:sender_id}", response=SenderOut, auth=read, summary="Read a sender")
def read_sender(request: HttpRequest, sender_id: RecordId) -> SenderOut:
    """One sender."""
    return sender_out(visible_or_404(visible_senders(caller(request)), sender_id))
