"""Contacts: `POST` creates or updates up to 1,000, found by phone, e-mail or WhatsApp id."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from pydantic import JsonValue

from agency.api.access import actor_of_token, caller, client_or_404, token, visible_or_404
from agency.api.idempotency import idempotent
from agency.api.pages import Page, PageQuery, page_of
from agency.rules.masking import masked
from agency.rules.roles import PERSONAL_DATA
from messaging.api.fields import Address, Channel, ConsentGiven, Name, RecordId, Short, Slug
from messaging.models import Contact
from messaging.operations.contact_entry import MOST, PersonGiven, change_contact, upsert_contacts
from messaging.rules.addresses import AddressRefused, normalize_email, normalize_phone
from messaging.selectors.visible import visible_contacts

router = Router()
read = token("contacts:read", "messaging.view_contact")
write = token("contacts:write", "messaging.add_contact")
Attributes = Annotated[dict[Short, JsonValue], Field(max_length=100)]
Tags = Annotated[list[Annotated[Short, Field(min_length=1)]], Field(max_length=100)]


class ContactIn(Schema):
    """One person; at least one address. Empty means "not given": it never erases anything."""

    name: Name = ""
    phone: Address = Field("", description="As people write it, or E.164; read in the client's country")
    email: Address = ""
    whatsapp_id: Short = ""
    language: Annotated[Short, Field(max_length=10)] = ""
    time_zone: Annotated[Short, Field(max_length=50)] = ""
    tags: Tags = []
    attributes: Attributes = {}
    consents: dict[Channel, ConsentGiven] = {}


class ContactsIn(Schema):
    """Who is to be created or updated, and for which client."""

    client: Slug
    source: Name = Field("API", description="Kept with every consent as its proof")
    contacts: Annotated[list[ContactIn], Field(min_length=1, max_length=MOST)]


class ContactOutcome(Schema):
    """What came of the person at this place of the list."""

    id: int | None
    outcome: Literal["created", "updated", "unchanged", "refused"]
    reason: str


class ContactsOut(Schema):
    """One outcome a person, in the order given."""

    created: int
    updated: int
    unchanged: int
    refused: int
    contacts: list[ContactOutcome]


class ContactOut(Schema):
    """A contact. Personal values are masked for whoever lacks the permission to read them."""

    id: int
    client: str
    name: str
    phone: str | None
    email: str | None
    whatsapp_id: str | None
    language: str
    time_zone: str
    tags: list[str]
    attributes: dict[str, Any]
    replies: int
    created_at: datetime
    updated_at: datetime


class ContactPatch(Schema):
    """What is to be set; what is left out stays. Null or empty erases an address."""

    name: Name | None = None
    phone: Address | None = None
    email: Address | None = None
    whatsapp_id: Short | None = None
    language: Annotated[Short, Field(max_length=10)] | None = None
    time_zone: Annotated[Short, Field(max_length=50)] | None = None
    tags: Tags | None = None
    attributes: Attributes | None = None


class ContactQuery(PageQuery):
    """Which contacts."""

    client: Slug | None = Field(None, description="Only this client's")
    tag: Short = Field("", description="Only those with this tag")
    phone: Address = Field("", description="E.164")
    email: Address = ""


def contact_out(request: HttpRequest, contact: Contact) -> ContactOut:
    """A contact as its reader may see it."""
    personal: dict[str, Any] = {
        name: getattr(contact, name) for name in ("name", "phone", "email", "whatsapp_id", "attributes")
    }
    if not caller(request).has_perm(PERSONAL_DATA):
        personal = {name: masked(value) for name, value in personal.items()}
    return ContactOut(
        id=contact.pk,
        client=contact.client.slug,
        language=contact.language,
        time_zone=contact.time_zone,
        tags=contact.tags,
        replies=contact.replies,
        created_at=contact.created_at,
        updated_at=contact.updated_at,
        **personal,
    )


@router.post("/contacts", response={200: ContactsOut}, auth=write, summary="Create or update contacts")
@idempotent
def upsert(request: HttpRequest, body: ContactsIn) -> tuple[int, Schema]:
    """One that cannot be used is refused by itself; the others are written."""
    people = [
        PersonGiven(
            **person.dict(exclude={"consents"}),
            consents={channel.kind: given.state for channel, given in person.consents.items()},
        )
        for person in body.contacts
    ]
    client = client_or_404(request, body.client)
    outcomes = upsert_contacts(client=client, people=people, source=body.source, actor=actor_of_token(request))
    counts = {
        kind: sum(each.outcome == kind for each in outcomes) for kind in ("created", "updated", "unchanged", "refused")
    }
    listed = [ContactOutcome(id=each.contact_id, outcome=each.outcome, reason=each.reason) for each in outcomes]  # type: ignore[arg-type]
    return 200, ContactsOut(**counts, contacts=listed)


@router.get("/contacts", response=Page[ContactOut], auth=read, summary="List contacts")
def list_contacts(request: HttpRequest, query: Query[ContactQuery]) -> dict[str, Any]:
    """Newest first. Filters are exact, because only those are answered by an index."""
    contacts = visible_contacts(caller(request))
    if query.client is not None:
        contacts = contacts.filter(client=client_or_404(request, query.client))
    if query.tag:
        contacts = contacts.filter(tags__contains=[query.tag])
    if query.phone or query.email:
        contacts = _by_address(request, contacts, query)
    rows, cursor = page_of(contacts, query)
    return {"items": [contact_out(request, contact) for contact in rows], "next_cursor": cursor}


def _by_address(request: HttpRequest, contacts: Any, query: ContactQuery) -> Any:
    """Who may not read addresses may not search by them either."""
    if not caller(request).has_perm(PERSONAL_DATA):
        return contacts.none()
    country = client_or_404(request, query.client).country if query.client else "BR"
    try:
        wanted = {"phone": normalize_phone(query.phone, country)} if query.phone else {}
        wanted |= {"email": normalize_email(query.email)} if query.email else {}
    except AddressRefused:
        return contacts.none()
    return contacts.filter(**wanted)


@router.get("/contacts/{int:contact_id}", response=ContactOut, auth=read, summary="Read a contact")
def read_contact(request: HttpRequest, contact_id: RecordId) -> ContactOut:
    """One contact."""
    return contact_out(request, visible_or_404(visible_contacts(caller(request)), contact_id))


@router.patch(
    "/contacts/{int:contact_id}",
    response=ContactOut,
    auth=token("contacts:write", "messaging.change_contact"),
    summary="Change a contact",
)
def patch_contact(request: HttpRequest, contact_id: RecordId, body: ContactPatch) -> ContactOut:
    """Set what is given."""
    contact = visible_or_404(visible_contacts(caller(request)), contact_id)
    empty: dict[str, Any] = {"name": "", "language": "", "time_zone": "", "tags": [], "attributes": {}}
    given = body.dict(exclude_unset=True)
    changes = {name: empty.get(name) if value is None else value for name, value in given.items()}
    return contact_out(request, change_contact(contact_id=contact.pk, changes=changes, actor=actor_of_token(request)))
