"""Templates: versions that never change, who approves them, Liquid errors with field and line, and a preview that is what is sent."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import translation

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.models import AuditEntry, Client
from integrations.models import Connection
from messaging.admin.template_preview import bubble, preview_of, version_lines
from messaging.models import Contact, Sender, Template
from messaging.operations.claiming import claim_chunk
from messaging.operations.jobs import JobOrder, add_recipients, complete_audience, open_job
from messaging.operations.templates import (
    WordingOrder,
    add_template_version,
    approve_template,
    archive_template,
    create_template,
    restore_template,
    withdraw_template,
)
from messaging.rules.rendering import Source, Variable, Wording
from messaging.selectors.plans import job_plan
from messaging.states import ChannelKind, MessageKind, TemplateState

pytestmark = pytest.mark.django_db
ACTOR = Actor.system("tests")


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Texts are compared in the language they were written in."""
    with translation.override("en"):
        yield


@pytest.fixture
def client_of() -> Client:
    return Client.objects.create(name="Padaria", slug="padaria")


def words(body: str = "Olá {{ contact.first_name }}", **parts: Any) -> WordingOrder:
    outside = {name: parts.pop(name) for name in ("provider_name", "media_url") if name in parts}
    return WordingOrder(wording=Wording(body=body, **parts), **outside)


def make(client: Client, order: WordingOrder, channel: ChannelKind = ChannelKind.WHATSAPP) -> Template:
    return create_template(client=client, name="novidade", channel=channel, language="pt_BR", order=order, actor=ACTOR)


def test_new_words_are_a_new_version_and_a_draft_again(client_of: Client) -> None:
    template = make(client_of, words())
    first = template.current
    approve_template(template_id=template.pk, actor=ACTOR)
    second = add_template_version(template_id=template.pk, order=words("Oi {{ contact.first_name }}!"), actor=ACTOR)
    template.refresh_from_db()
    assert first is not None and (first.number, second.number) == (1, 2)
    assert (template.state, template.current) == (TemplateState.DRAFT, second)
    first.refresh_from_db()
    assert first.body == "Olá {{ contact.first_name }}"
    assert (
        add_template_version(template_id=template.pk, order=words("Oi {{ contact.first_name }}!"), actor=ACTOR)
        == second
    )
    assert [line.changes for line in version_lines(template)] == [
        [("del", "Text: Olá {{ contact.first_name }}"), ("ins", "Text: Oi {{ contact.first_name }}!")],
        [("ins", "Text: Olá {{ contact.first_name }}")],
    ]
    actions = (
        AuditEntry.objects.filter(subject_type="messaging.Template").order_by("pk").values_list("action", flat=True)
    )
    assert list(actions) == ["create_template", "approve_template", "add_template_version"]


def test_states_move_by_operations_only_where_they_may(client_of: Client) -> None:
    template = make(client_of, words())
    with pytest.raises(OperationRefused):
        withdraw_template(template_id=template.pk, actor=ACTOR, why="x")
    approve_template(template_id=template.pk, actor=ACTOR)
    with pytest.raises(OperationRefused):
        approve_template(template_id=template.pk, actor=ACTOR)
    with pytest.raises(InvalidInput):
        withdraw_template(template_id=template.pk, actor=ACTOR, why=" ")
    assert withdraw_template(template_id=template.pk, actor=ACTOR, why="wrong price").state == TemplateState.DRAFT
    assert archive_template(template_id=template.pk, actor=ACTOR).state == TemplateState.ARCHIVED
    with pytest.raises(OperationRefused):
        add_template_version(template_id=template.pk, order=words("novo"), actor=ACTOR)
    assert restore_template(template_id=template.pk, actor=ACTOR).state == TemplateState.DRAFT
    assert template.versions.count() == 1


@pytest.mark.parametrize(
    ("channel", "order", "field", "text"),
    [
        (ChannelKind.WHATSAPP, words("Olá\n\n{% nada %}"), "body", "Line 3: unexpected tag 'nada'"),
        (ChannelKind.WHATSAPP, words("Olá\n{{ contact.name | berro }}"), "body", "Line 2: unknown filter 'berro'"),
        (
            ChannelKind.WHATSAPP,
            words("a", parameters=("{{ ok }}", "{{ b | x }}")),
            "parameters",
            "Line 2: unknown filter 'x'",
        ),
        (
            ChannelKind.EMAIL,
            words("a", subject="{{ a", html="<b>"),
            "subject",
            "Line 1: expected '}}', found end of file",
        ),
        (
            ChannelKind.EMAIL,
            words("a", subject="s", html="<b>\n{% if %}x{% endif %}"),
            "html",
            "Line 2: missing expression",
        ),
        (ChannelKind.EMAIL, words("a"), "subject", "An e-mail needs a subject."),
        (
            ChannelKind.EMAIL,
            words("", subject="s", html="<b>x</b>"),
            "body",
            "Write the text too: some readers see no HTML.",
        ),
        (ChannelKind.SMS, words(" "), "body", "Write the text."),
        (
            ChannelKind.SMS,
            words("{{ contact }} {{ contact.name }}"),
            "body",
            "“contact” stands for several values; name one of them, like contact.first_name.",
        ),
        (
            ChannelKind.SMS,
            words("a", variables=(Variable("a b"),)),
            "variables",
            "“a b” is no name of a variable; write it like contact.first_name.",
        ),
    ],
)
def test_words_that_cannot_be_sent_are_refused_beside_their_field(
    client_of: Client, channel: ChannelKind, order: WordingOrder, field: str, text: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        make(client_of, order, channel)
    assert (refusal.value.field, refusal.value.text) == (field, text)
    assert not Template.objects.exists()


def test_the_preview_is_what_the_engine_sends(client_of: Client) -> None:
    connection = Connection.objects.create(service="whatsapp_cloud", name="W", client=client_of)
    sender = Sender.objects.create(
        client=client_of, connection=connection, channel=ChannelKind.WHATSAPP, name="1", address="1"
    )
    order = words(
        "Olá {{ contact.first_name }} de {{ contact.attributes.city }}: {{ offer }}{{ note }}",
        variables=(Variable("contact.first_name", "cliente", False), Variable("note", "", False)),
    )
    template = make(client_of, order)
    assert template.current is not None
    people = [
        Contact.objects.create(client=client_of, name=name, phone=f"+551190000000{n}", attributes=attributes)
        for n, (name, attributes) in enumerate([("Ana Lima", {"city": "Santos"}), ("", {"city": 7.0}), ("Rui", {})])
    ]
    job = open_job(
        order=JobOrder(
            client=client_of,
            kind=MessageKind.CAMPAIGN,
            channel=ChannelKind.WHATSAPP,
            sender_ids=[sender.pk],
            template_version=template.current,
            variables={"offer": "bolo"},
        ),
        actor=ACTOR,
    )
    add_recipients(job=job, contacts=Contact.objects.all(), up_to_id=2**62)
    complete_audience(job_id=job.pk)
    chunk = claim_chunk(plan=job_plan(job.pk), grants={sender.pk: 10}, now=datetime.now(UTC))
    sent = {row.contact_id: row.rendered for row in chunk.rows}
    shown = {person.pk: preview_of(template.current, person, {"offer": "bolo"}, clear=True) for person in people}
    assert {key: found.rendered for key, found in shown.items() if not found.missing} == sent
    assert sent[people[1].pk].body == "Olá cliente de 7: bolo"
    without = shown[people[2].pk]
    assert without.missing == ("contact.attributes.city",)
    assert without.rendered is not None and without.rendered.body == "Olá Rui de ⟨contact.attributes.city⟩: bolo"
    sources = {filling.name: filling.source for filling in shown[people[1].pk].fillings}
    assert sources == {
        "contact.first_name": Source.FALLBACK,
        "contact.attributes.city": Source.VALUE,
        "offer": Source.VALUE,
        "note": Source.EMPTY,
    }
    masked = preview_of(template.current, people[0], {"offer": "bolo"}, clear=False)
    assert masked.rendered is not None and "Ana" not in masked.rendered.body and "Santos" not in masked.rendered.body


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a *b c* d", "a <strong>b c</strong> d"),
        ("_a_ ~b~ ```x*y*```", "<em>a</em> <s>b</s> <code>x*y*</code>"),
        ("2 * 3 * 4, a*b*c, * a *", "2 * 3 * 4, a*b*c, * a *"),
        ("*<script>*", "<strong>&lt;script&gt;</strong>"),
    ],
)
def test_a_bubble_shows_whatsapps_marks_and_nothing_else(text: str, shown: str) -> None:
    assert bubble(text) == shown
