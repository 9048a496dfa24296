"""The pages of sending: what they show, what their buttons and forms do, who gets in."""

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from agency.models import User
from agency.states import Role
from messaging.models import DeliveryEvent, JobTotal, Message, Recipient, Sender, SendJob, Template
from messaging.operations.jobs import cancel_job
from messaging.selectors import recipients as recipient_pages
from messaging.states import (
    ChannelKind,
    Direction,
    JobState,
    MessageKind,
    Reason,
    RecipientState,
    SenderState,
    TemplateState,
)
from tests.messaging.engine.conftest import ACTOR, empty_limiter
from tests.pages import text
from tests.worlds import World, make_person, make_world

pytestmark = pytest.mark.django_db
__all__ = ["empty_limiter"]
FAILED, GIVEN_UP = RecipientState.FAILED, Reason.ATTEMPTS_EXHAUSTED


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def manager(world: World) -> User:
    person = make_person("ana", Role.ACCOUNT_MANAGER, world.client, language="en")
    person.groups.add(make_person("tom", Role.TECH).groups.get())
    return person


@pytest.fixture
def browser(manager: User) -> Browser:
    return signed_in(manager)


def signed_in(person: User) -> Browser:
    browser = Browser()
    browser.force_login(person)
    return browser


def page(record: Any) -> str:
    return reverse(f"admin:messaging_{record._meta.model_name}_change", args=(record.pk,))


def do(record: Any, name: str) -> str:
    return reverse(f"admin:messaging_{record._meta.model_name}_change_do", args=(record.pk, name))


def fill(world: World, *rows: tuple[RecipientState, Reason], job: SendJob | None = None) -> SendJob:
    """Recipients of a job, one for each state and reason, with the totals that go with them."""
    job = job or SendJob.objects.create(
        client=world.client, kind=MessageKind.SINGLE, channel=ChannelKind.WHATSAPP, state=JobState.FINISHED
    )
    first = type(world.contact).objects.count()
    people = type(world.contact).objects.bulk_create(
        type(world.contact)(client=world.client, name=f"Pessoa {first + n}", phone=f"+55118{first + n:08d}")
        for n in range(len(rows))
    )
    for person, (state, reason) in zip(people, rows, strict=True):
        Recipient.objects.create(job=job, contact=person, sender=world.sender, state=state, reason=reason)
        total, _ = JobTotal.objects.get_or_create(job_id=job.pk, state=state, reason=reason)
        JobTotal.objects.filter(pk=total.pk).update(number=total.number + 1)
    return job


def test_a_sender_from_form_to_limits_to_pause(world: World, browser: Browser) -> None:
    form = {
        "client": world.client.pk,
        "connection": world.sender.connection_id,
        "channel": "1",
        "name": "Aurora",
        "address": world.sender.address,
        "portfolio": "",
        "dkim_selector": "",
    }
    add = reverse("admin:messaging_sender_add")
    assert "has a sender with this address already" in text(browser.post(add, form))
    browser.post(add, form | {"address": "42"})
    sender = Sender.objects.get(address="42")
    assert "no limit" in text(browser.get(page(sender)))

    limits = {"per_second": "20", "per_day": "1000", "pair_seconds": "6", "warm_up": "x", "warm_up_from": ""}
    assert "Line 1: write it like 3 = 200." in text(browser.post(do(sender, "limits"), limits))
    browser.post(
        do(sender, "limits"), limits | {"warm_up": "1 = 50\n3 = 200", "warm_up_from": str(timezone.now().date())}
    )
    shown = text(browser.get(page(sender)))
    assert "in 24 hours today's step of the warm-up 0 50 50" in shown and "50 messages in 5 seconds" in shown

    assert browser.post(do(sender, "pause"), {"why": ""}).status_code == 200
    browser.post(do(sender, "pause"), {"why": "quality fell"})
    sender.refresh_from_db()
    assert (sender.state, sender.state_why) == (SenderState.PAUSED, "quality fell")
    listed = text(browser.get(reverse("admin:messaging_sender_changelist")))
    assert "nothing: it does not send" in listed and "quality fell" in listed and "0 of 50" in listed


def test_a_template_from_form_to_preview_to_approval(world: World, browser: Browser) -> None:
    form = {
        "client": world.client.pk,
        "name": "boas-vindas",
        "channel": "2",
        "language": "pt_BR",
        "subject": "Oi {{ contact.first_name }}",
        "body": "Olá\n{% nada %}",
        "html": "<h1 style='color:red'>{{ contact.name }}</h1><script>1</script>",
        "variable_lines": "contact.first_name = cliente",
        "parameter_lines": "",
        "category": "",
    }
    add = reverse("admin:messaging_template_add")
    refused = browser.post(add, form)
    assert "Line 2: unexpected tag 'nada'" in text(refused) and not Template.objects.filter(name="boas-vindas").exists()
    assert refused.context["adminform"].form.errors == {"body": ["Line 2: unexpected tag 'nada'"]}
    browser.post(add, form | {"body": "Olá {{ contact.first_name }}, {{ offer }}"})
    template = Template.objects.get(name="boas-vindas")

    shown = text(browser.get(page(template)))
    assert "This person would not be written to: offer has no value" in shown and "⟨offer⟩" in shown
    shown = text(browser.get(page(template) + f"?contact={world.contact.pk}&values=offer+%3D+bolo"))
    assert "Oi Zanzibar" in shown and "Olá Zanzibar, bolo" in shown and "would not be written to" not in shown
    assert "Nobody of this client" in text(browser.get(page(template) + "?find=%2B5511900000000"))
    frame = browser.get(reverse("admin:messaging_template_html", args=(template.pk,)))
    assert "<h1 style='color:red'>Zanzibar Silva</h1>" in frame.content.decode()
    assert frame["Content-Security-Policy"].startswith("sandbox; default-src 'none'; style-src 'unsafe-inline';")
    assert frame["X-Frame-Options"] == "SAMEORIGIN"

    browser.post(do(template, "approve"))
    template.refresh_from_db()
    assert template.state == TemplateState.APPROVED
    again = {name: form[name] for name in ("subject", "html", "variable_lines")} | {"body": "Olá"}
    browser.post(page(template) + "?edit=1", again | {"why": "shorter"})
    template.refresh_from_db()
    assert template.current is not None
    assert (template.state, template.current.number, template.current.body) == (TemplateState.DRAFT, 2, "Olá")
    assert template.current.variables == [{"name": "contact.first_name", "fallback": "cliente", "required": False}]
    assert "− Text: Olá {{ contact.first_name }}, {{ offer }} + Text: Olá" in text(browser.get(page(template)))


def test_who_may_not_read_personal_data_sees_shapes(world: World) -> None:
    reader = signed_in(make_person("leo", Role.ANALYST, world.client, language="en"))
    job = world.recipient.job
    Recipient.objects.update(variables={"contact.name": "Zanzibar Silva"}, sent_at=timezone.now())
    for address in (
        page(world.template),
        page(world.recipient),
        page(world.message),
        reverse("admin:messaging_message_changelist"),
        reverse("admin:messaging_recipient_changelist") + f"?job={job.pk}",
        reverse("admin:messaging_recipient_changelist") + f"?contact={world.contact.pk}",
    ):
        shown = text(reader.get(address))
        assert (
            "Zanzibar Silva" not in shown and str(world.contact.phone) not in shown and "Zanzibar text" not in shown
        ), address
    assert reader.get(do(world.sender, "pause")).status_code == 403


def test_recipients_are_listed_by_key_and_filtered_with_their_reasons(
    world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped, refused = (RecipientState.SKIPPED, Reason.MISSING_VARIABLE), (FAILED, Reason.PROVIDER_REFUSED)
    job = fill(world, *[(RecipientState.SENT, Reason.NONE)] * 60, skipped, refused)
    Recipient.objects.filter(reason=Reason.MISSING_VARIABLE).update(code="contact.attributes.city")
    address = reverse("admin:messaging_recipient_changelist") + f"?job={job.pk}"
    first = browser.get(address)
    assert len(first.context["lines"]) == 50
    second = browser.get(address + first.context["next_url"].replace("?", "&"))
    ids = [line.recipient.pk for answer in (first, second) for line in answer.context["lines"]]
    assert (len(ids), len(set(ids)), second.context["next_url"]) == (62, 62, "")

    chosen = address + f"&state={RecipientState.SKIPPED}"
    assert "The template needs “contact.attributes.city”, and this person has no value for it." in text(
        browser.get(chosen)
    )
    assert "Nobody in this state and for this reason" in text(browser.get(address + f"&reason={Reason.HOLDOUT}"))
    monkeypatch.setattr(recipient_pages, "LOOK", 40)
    looked = browser.get(chosen)
    assert looked.context["searching"] and "Go on searching" in text(looked)
    onward = browser.get(chosen + looked.context["next_url"].replace("?", "&"))
    assert [line.recipient.reason for line in onward.context["lines"]] == [Reason.MISSING_VARIABLE]

    type(world.contact).objects.filter(name="Pessoa 1").delete()
    assert "erased" in text(browser.get(address))
    assert browser.get(reverse("admin:messaging_recipient_changelist") + "?job=999999").status_code == 404


def test_the_page_of_a_message_shows_words_reports_and_reason(world: World, browser: Browser) -> None:
    recipient = world.recipient
    now = timezone.now()
    Recipient.objects.update(sent_at=now, provider_id="wamid.1", variables={"contact.name": "Zanzibar Silva"})
    common = {"received_on": now.date(), "connection_id": world.sender.connection_id, "job_id": recipient.job_id}
    for name in ("wamid.1:delivered", "wamid.12:delivered"):
        DeliveryEvent.objects.create(
            provider_event_id=name,
            provider_message_id="x",
            recipient_id=recipient.pk,
            state=20,
            occurred_at=now,
            **common,
        )
    answer = browser.get(page(recipient))
    assert [report.provider_event_id for report in answer.context["reports"]] == ["wamid.1:delivered"]
    shown = text(answer)
    assert "Zanzibar Zanzibar Silva" in shown and "Try again" not in shown
    assert "delivered" in text(browser.get(reverse("admin:messaging_deliveryevent_changelist")))


def test_dead_letters_are_tried_again_one_by_one_and_all_at_once(world: World, browser: Browser) -> None:
    job = fill(world, *[(FAILED, GIVEN_UP)] * 3, (FAILED, Reason.PROVIDER_REFUSED))
    other = fill(make_world("other", "Other"), (FAILED, GIVEN_UP))
    listed = browser.get(reverse("admin:messaging_deadletter_changelist"))
    assert [(line["job"].pk, line["number"]) for line in listed.context["lines"]] == [(job.pk, "3")]
    letter = Recipient.objects.filter(job=job, reason=GIVEN_UP).order_by("pk")[0]
    assert browser.get(reverse("admin:messaging_deadletter_change", args=(letter.pk,))).headers["Location"] == page(
        letter
    )

    browser.post(do(letter, "retry"), {"why": ""})
    letter.refresh_from_db()
    job.refresh_from_db()
    assert (letter.state, letter.attempt, job.state) == (RecipientState.PENDING, 0, JobState.RUNNING)
    assert "2 messages failed at every attempt" in text(browser.get(do(job, "retry")))
    browser.post(do(job, "retry"), {"why": "provider is back"})
    states = Recipient.objects.filter(job=job).order_by("pk").values_list("state", flat=True)
    assert list(states) == [RecipientState.PENDING] * 3 + [FAILED]
    assert "None. Whatever could not be sent" in text(browser.get(reverse("admin:messaging_deadletter_changelist")))

    third = fill(world, (FAILED, GIVEN_UP))
    SendJob.objects.filter(pk=third.pk).update(state=JobState.RUNNING)
    cancel_job(job_id=third.pk, actor=ACTOR)
    assert "was cancelled" in text(browser.post(do(third, "retry"), {"why": ""}))
    assert Recipient.objects.get(job=third).state == FAILED and Recipient.objects.get(job=other).state == FAILED
    assert browser.post(do(other, "retry"), {"why": ""}).status_code == 404


def test_a_job_of_a_campaign_is_paused_there_and_a_free_one_here(world: World, browser: Browser) -> None:
    owned = world.recipient.job
    SendJob.objects.filter(pk=owned.pk).update(state=JobState.RUNNING)
    answer = browser.get(page(owned))
    assert "This job belongs to “Zanzibar campaign”" in text(answer)
    assert reverse("admin:outreach_campaign_change", args=(world.campaign.pk,)) in answer.content.decode()
    assert do(owned, "pause") not in answer.content.decode()

    free = fill(world, (RecipientState.PENDING, Reason.NONE))
    SendJob.objects.filter(pk=free.pk).update(state=JobState.RUNNING)
    assert "0 of 1 are final" in text(browser.get(page(free)))
    browser.post(do(free, "pause"), {"why": "wrong text"})
    free.refresh_from_db()
    assert free.state == JobState.PAUSED
    browser.post(do(free, "resume"))
    assert "1 messages have not been sent yet" in text(browser.get(do(free, "cancel")))
    browser.post(do(free, "cancel"), {"why": ""})
    free.refresh_from_db()
    assert free.state == JobState.CANCELLED


def test_messages_show_what_became_of_them(world: World, browser: Browser) -> None:
    Message.objects.create(
        client=world.client,
        contact=world.contact,
        sender=world.sender,
        direction=Direction.OUTBOUND,
        channel=ChannelKind.WHATSAPP,
        text="Olá!",
        recipient_id=world.recipient.pk,
    )
    listed = text(browser.get(reverse("admin:messaging_message_changelist")))
    assert "Olá! sent" in listed and "Zanzibar text" in listed
    found = browser.get(reverse("admin:messaging_message_changelist") + f"?q=person+{world.contact.pk}")
    assert text(found).count("Zanzibar text") == 1
