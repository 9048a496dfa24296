"""Small worlds for tests of doors: one client with one record of each kind, and people who may see it, or not."""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import Group
from django.utils import timezone

from agency.kit.actor import Actor
from agency.models import ApiToken, Client, ClientGrant, Employee, User
from agency.operations.alerts import raise_alert
from agency.operations.audit import record_audit
from agency.operations.tokens import issue_token
from agency.rules.scopes import SCOPES
from agency.states import AlertSeverity, Role
from campaigns.outreach.models import Campaign, Execution, Segment
from integrations.models import ChainAttempt, Connection, FallbackChain, InboundEvent, ModelRequest
from integrations.states import InboundState
from messaging.models import (
    Consent,
    Contact,
    ContactImport,
    Message,
    Recipient,
    Sender,
    SenderPool,
    SendJob,
    Suppression,
    Tag,
    Template,
    TemplateVersion,
)
from messaging.states import ChannelKind, ConsentState, Direction, ImportState, JobState, MessageKind, RecipientState

MARK = "Zanzibar"  # in the name of everything a world holds


@dataclass(frozen=True, slots=True)
class World:
    """One client's records, each with `MARK` in whatever a page could show of it."""

    client: Client
    contact: Contact
    sender: Sender
    template: Template
    campaign: Campaign
    execution: Execution
    message: Message
    contact_import: ContactImport
    recipient: Recipient


def make_world(slug: str = "zanzibar", mark: str = MARK) -> World:
    """A client with one record of each kind."""
    client = Client.objects.create(name=f"{mark} Ltda", slug=slug)
    connection = Connection.objects.create(service="whatsapp_cloud", name=f"{mark} line", client=client)
    FallbackChain.objects.create(name="embeddings", client=client, first=connection)
    ModelRequest.objects.create(
        task="content", version=1, client=client, key=f"{mark} occasion", facts={"topic": mark}, error=f"{mark} error"
    )
    ChainAttempt.objects.create(
        chain="embeddings", key=f"{mark} run", client=client, connection=connection, position=1, text=f"{mark} error"
    )
    sender = Sender.objects.create(
        client=client,
        connection=connection,
        channel=ChannelKind.WHATSAPP,
        name=f"{mark} sender",
        address=f"1{client.pk}",
    )
    pool = SenderPool.objects.create(client=client, name=f"{mark} pool", channel=ChannelKind.WHATSAPP)
    pool.senders.add(sender)
    contact = Contact.objects.create(
        client=client,
        name=f"{mark} Silva",
        phone=f"+55119{client.pk:08d}",
        email=f"{mark.lower()}@{slug}.com.br",
        tags=[mark],
        attributes={"city": mark},
    )
    Tag.objects.create(client=client, name=mark)
    Consent.objects.create(
        contact=contact,
        channel=ChannelKind.WHATSAPP,
        state=ConsentState.GRANTED,
        source=mark,
        recorded_at=timezone.now(),
    )
    Suppression.objects.create(client=client, channel=ChannelKind.EMAIL, address=f"{mark}@x.com", reason="manual")
    template = Template.objects.create(client=client, name=f"{mark} template", channel=ChannelKind.WHATSAPP)
    version = TemplateVersion.objects.create(template=template, number=1, body=f"{mark} {{{{ contact.name }}}}")
    template.current = version
    template.save()
    segment = Segment.objects.create(client=client, name=f"{mark} segment")
    campaign = Campaign.objects.create(
        client=client, name=f"{mark} campaign", channel=ChannelKind.WHATSAPP, template=template, segment=segment
    )
    campaign.senders.add(sender)
    job = SendJob.objects.create(
        client=client,
        kind=MessageKind.CAMPAIGN,
        channel=ChannelKind.WHATSAPP,
        state=JobState.FINISHED,
        template_version=version,
        sender_ids=[sender.pk],
    )
    execution = Execution.objects.create(campaign=campaign, number=1, job=job)
    recipient = Recipient.objects.create(job=job, contact=contact, sender=sender, state=RecipientState.SENT)
    message = Message.objects.create(
        client=client,
        contact=contact,
        sender=sender,
        direction=Direction.INBOUND,
        channel=ChannelKind.WHATSAPP,
        address=contact.phone or "",
        text=f"{mark} text",
        provider_message_id=f"wamid-{client.pk}",
    )
    raise_alert(
        actor=Actor.system("test"),
        key=f"{mark}:{client.pk}",
        severity=AlertSeverity.INFO,
        title=f"{mark} is quiet",
        subject=connection,
        client=client,
    )
    contact_import = ContactImport.objects.create(
        client=client, file_name=f"{mark}.csv", stored_path="", state=ImportState.DONE
    )
    InboundEvent.objects.create(
        received_on=timezone.now().date(),
        service="whatsapp_cloud",
        connection_id=connection.pk,
        provider_event_id=f"{mark} event",
        content_type="application/json",
        query="",
        body=f'{{"name": "{mark}"}}'.encode(),
        state=InboundState.FAILED,
        error=f"{mark} error",
    )
    record_audit(
        actor=Actor.system(f"test:{mark}"), action="make_world", subject=client, client=client, after={"mark": mark}
    )
    return World(client, contact, sender, template, campaign, execution, message, contact_import, recipient)


def make_person(name: str, role: Role | None = None, *clients: Client, **fields: object) -> User:
    """Somebody of the staff with a role and granted clients."""
    user = User.objects.create_user(name, f"{name}@example.com", "x", is_staff=True, **fields)
    if role is not None:
        user.groups.add(Group.objects.get(name=role))
    for client in clients:
        ClientGrant.objects.create(user=user, client=client)
    return user


def make_employee(mark: str = MARK) -> Employee:
    """A colleague without an account."""
    return Employee.objects.create(
        name=f"{mark} colleague", email=f"{mark.lower()}@agency.com.br", phone="+5511999990000"
    )


def make_token(user: User, *clients: Client, scopes: tuple[str, ...] = tuple(SCOPES)) -> tuple[ApiToken, str]:
    """A token with every scope, and its secret."""
    return issue_token(
        actor=Actor.system("test"),
        user=user,
        name="test",
        scopes=scopes,
        clients=clients,
        expires_at=timezone.now() + timedelta(days=30),
    )
