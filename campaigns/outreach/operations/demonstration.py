"""What the demonstration needs and a person would make in the admin: its client, numbers and template, made once and audited."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction

from agency.kit.actor import Actor
from agency.models import Client
from agency.operations.audit import record_audit
from integrations.models import Connection
from messaging.models import Sender, Template, TemplateVersion
from messaging.states import ChannelKind, TemplateState


@dataclass(frozen=True, slots=True)
class Wording:
    """An approved WhatsApp template: its name at the provider, its text, the expressions that fill it, and their fallbacks."""

    name: str
    body: str
    parameters: tuple[str, ...]
    fallbacks: Mapping[str, str] = field(default_factory=dict)


@transaction.atomic
def ensure_demo_client(*, actor: Actor, slug: str, name: str) -> tuple[Client, bool]:
    """(the client of that slug, whether it was made now)."""
    client, made = Client.objects.get_or_create(slug=slug, defaults={"name": name})
    if made:
        record_audit(actor=actor, action="create_client", subject=client, client=client, after={"slug": slug})
    return client, made


@transaction.atomic
def ensure_demo_senders(
    *, actor: Actor, client: Client, connection: Connection, names: Mapping[str, str], per_second: int
) -> tuple[Sender, ...]:
    """The connection's WhatsApp numbers (provider's id → name), each with that many messages a second."""
    senders = []
    for address, name in names.items():
        sender, made = Sender.objects.get_or_create(
            connection=connection,
            address=address,
            defaults={"client": client, "channel": ChannelKind.WHATSAPP, "name": name, "per_second": per_second},
        )
        if made:
            after = {"address": address, "per_second": per_second}
            record_audit(actor=actor, action="create_sender", subject=sender, client=client, after=after)
        senders.append(sender)
    return tuple(senders)


@transaction.atomic
def ensure_demo_template(*, actor: Actor, client: Client, wording: Wording) -> Template:
    """The client's approved template of that name, with one version."""
    template, made = Template.objects.get_or_create(
        client=client,
        name=wording.name,
        channel=ChannelKind.WHATSAPP,
        language="pt_BR",
        defaults={"state": TemplateState.APPROVED},
    )
    if made:
        template.current = TemplateVersion.objects.create(
            template=template,
            number=1,
            body=wording.body,
            provider_name=wording.name,
            category="MARKETING",
            parameters=list(wording.parameters),
            variables=[{"name": name, "fallback": text} for name, text in wording.fallbacks.items()],
        )
        template.save(update_fields=["current"])
        record_audit(actor=actor, action="create_template", subject=template, client=client, after={"version": 1})
    return template
