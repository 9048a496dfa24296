"""The pages of people: finding them, reading one, changing one; what is said and suppressed; a file from its upload to its result."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from agency.models import AuditEntry, Client, User
from agency.states import Role
from messaging.models import Consent, Contact, ContactImport, Message, Recipient, SendJob, Suppression, Tag
from messaging.runners.import_contacts import run_import
from messaging.states import (
    ChannelKind,
    ConsentState,
    Direction,
    ImportState,
    JobState,
    MessageKind,
    Reason,
    RecipientState,
)
from tests.pages import text
from tests.worlds import make_person

pytestmark = pytest.mark.django_db
FILE = (
    "Contato;Fone 2;E-mail;Compras;Aceita WhatsApp\r\n"
    "José Araújo;(11) 97000-1000;jose@exemplo.com.br;3;sim\r\n"
    "Conceição Ávila;(11) 97000-1001;;4;não\r\n"
    "José Araújo;11970001000;;5;\r\n"
    "=Fórmula;1234;;1;\r\n"
)


@pytest.fixture
def aurora() -> Client:
    return Client.objects.create(name="Aurora", slug="aurora")


@pytest.fixture
def manager(aurora: Client) -> User:
    """Somebody who looks after this client, in English."""
    return make_person("ana", Role.ACCOUNT_MANAGER, aurora, language="en")


@pytest.fixture
def browser(manager: User) -> Browser:
    browser = Browser()
    browser.force_login(manager)
    return browser


@pytest.fixture
def nudges(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What would be started in the background."""
    found: list[tuple[str, int]] = []
    monkeypatch.setattr("agency.kit.queue.enqueue", lambda *nudge: found.append(nudge))
    return found


def names(answer: Any) -> list[str]:
    """The names in a list of contacts, in its order."""
    return [str(record) for record in answer.context["cl"].result_list]


def do(record: Any, name: str) -> str:
    return reverse(f"admin:messaging_{record._meta.model_name}_change_do", args=(record.pk, name))


def change(record: Any) -> str:
    return reverse(f"admin:messaging_{record._meta.model_name}_change", args=(record.pk,))


# Finding people ---------------------------------------------------------------------------------------------------------
def test_people_are_found_by_what_an_index_answers(aurora: Client, browser: Browser) -> None:
    other = Client.objects.create(name="Other", slug="other")
    maria = Contact.objects.create(
        client=aurora, name="Maria Souza", phone="+5511987654321", email="maria.souza@x.com", tags=["vip"]
    )
    bia = Contact.objects.create(client=aurora, name="Bia Rocha", phone="+5521987650000", email="bia@x.com")
    Contact.objects.create(
        client=other, name="Maria Other", phone="+5511987654321", email="maria.other@x.com", tags=["vip"]
    )
    Tag.objects.create(client=aurora, name="vip")
    Tag.objects.create(client=other, name="hidden tag")
    for contact, state in ((maria, ConsentState.GRANTED), (bia, ConsentState.WITHDRAWN)):
        Consent.objects.create(
            contact=contact, channel=ChannelKind.WHATSAPP, state=state, source="x", recorded_at="2026-01-01T00:00Z"
        )
    address = reverse("admin:messaging_contact_changelist")
    found = {
        query: names(browser.get(address, dict([query])))
        for query in (
            ("q", "maria"), ("q", "MARIA S"), ("q", "(11) 98765-4321"), ("q", "+55 11 987"), ("q", "2198765"), ("q", "Maria.Souza@"),
            ("q", "souza"), ("tag", "vip"), ("tag", "nobody"), ("consent", "1-1"), ("consent", "1-2"), ("consent", "2-1"), ("consent", "x"),
        )
    }  # fmt: skip
    assert found == {
        ("q", "maria"): ["Maria Souza"],
        ("q", "MARIA S"): ["Maria Souza"],
        ("q", "(11) 98765-4321"): ["Maria Souza"],
        ("q", "+55 11 987"): ["Maria Souza"],
        ("q", "2198765"): ["Bia Rocha"],
        ("q", "Maria.Souza@"): ["Maria Souza"],
        ("q", "souza"): [],
        ("tag", "vip"): ["Maria Souza"],
        ("tag", "nobody"): [],
        ("consent", "1-1"): ["Maria Souza"],
        ("consent", "1-2"): ["Bia Rocha"],
        ("consent", "2-1"): [],
        ("consent", "x"): ["Bia Rocha", "Maria Souza"],
    }
    assert "hidden tag" not in text(browser.get(address))

    reader = Browser()
    reader.force_login(make_person("rui", Role.READ_ONLY, aurora, language="en"))
    masked = text(reader.get(address))
    assert "M. S." in masked and "Souza" not in masked and "98765" not in masked
    assert names(reader.get(address, {"q": "maria"})) == []
    page = text(reader.get(change(maria)))
    assert "M. S." in page and "Souza" not in page and "98765" not in page


@pytest.mark.parametrize("record", ["contact", "consent", "suppression", "tag", "contactimport"])
def test_lists_ask_a_bounded_number_of_questions(
    aurora: Client, browser: Browser, record: str, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        contact = Contact.objects.create(client=aurora, name=f"Pessoa {number}", email=f"p{number}@x.com")
        Consent.objects.create(
            contact=contact, channel=2, state=ConsentState.GRANTED, source="x", recorded_at="2026-01-01T00:00Z"
        )
        Suppression.objects.create(client=aurora, channel=2, address=f"s{number}@x.com", reason="manual")
        Tag.objects.create(client=aurora, name=f"tag {number}")
        ContactImport.objects.create(client=aurora, file_name=f"f{number}.csv", stored_path="", created_by=None)
    with django_assert_max_num_queries(24):
        assert "12 records" in text(browser.get(reverse(f"admin:messaging_{record}_changelist")))


def test_the_file_of_people_is_noted_and_harmless(aurora: Client, browser: Browser, manager: User) -> None:
    Contact.objects.create(
        client=aurora, name="=cmd()", phone="+5511987654321", tags=["vip"], attributes={"cidade": "Recife"}
    )
    Contact.objects.create(client=aurora, name="Bia", email="bia@x.com")
    address = reverse("admin:messaging_contact_export")
    file = browser.get(address, {"tag": "vip"})
    rows = b"".join(file.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]
    assert len(rows) == 2
    assert rows[1].startswith("Aurora,'=cmd(),'+5511987654321,,,,,vip,")
    entry = AuditEntry.objects.get(action="read_personal_data")
    assert (entry.user_id, entry.after) == (manager.pk, {"what": "contacts", "narrowed_by": ["tag"]})
    reader = Browser()
    reader.force_login(make_person("rui", Role.READ_ONLY, aurora))
    assert reader.get(address).status_code == 403
    assert AuditEntry.objects.filter(action="read_personal_data").count() == 1


# One person -------------------------------------------------------------------------------------------------------------
def test_a_person_is_written_down_and_changed(aurora: Client, browser: Browser) -> None:
    form = {
        "client": aurora.pk,
        "name": "Maria Souza",
        "phone": "(11) 98765-4321",
        "email": "Maria@X.com",
        "whatsapp_id": "",
        "language": "pt-br",
        "time_zone": "",
        "tag_names": "vip,  recente , vip",
        "attribute_lines": "cidade = Recife\nCompras = 3\ncep = 01310",
    }
    add = reverse("admin:messaging_contact_add")
    assert "the phone is not valid" in text(browser.post(add, form | {"phone": "123"}))
    assert not Contact.objects.exists()
    browser.post(add, form)
    contact = Contact.objects.get()
    assert (contact.phone, contact.email, sorted(contact.tags)) == (
        "+5511987654321",
        "maria@x.com",
        ["recente", "vip"],
    )
    assert contact.attributes == {"cidade": "Recife", "compras": 3, "cep": "01310"}

    other = Contact.objects.create(client=aurora, name="Bia", email="bia@x.com")
    taken = browser.post(f"{change(contact)}?edit=1", form | {"email": "BIA@x.com"})
    assert "Another contact has this address." in text(taken)
    contact.refresh_from_db()
    assert contact.email == "maria@x.com"
    lines = "cidade = Olinda\ncep = 01310\ncompras = 3"
    browser.post(f"{change(contact)}?edit=1", form | {"tag_names": "", "attribute_lines": lines, "email": ""})
    contact = Contact.objects.get(pk=contact.pk)
    assert (contact.email, contact.tags) == (None, [])
    assert contact.attributes == {"cidade": "Olinda", "cep": "01310", "compras": 3}
    assert AuditEntry.objects.filter(action="change_contact", subject_id=contact.pk).count() == 1
    assert Contact.objects.filter(pk=other.pk, email="bia@x.com").exists()


def test_the_page_of_a_person_answers_at_a_glance(aurora: Client, browser: Browser) -> None:
    contact = Contact.objects.create(client=aurora, name="Maria Souza", phone="+5511987654321", email="maria@x.com")
    for state, words in (("1", "Disse sim ao telefone"), ("2", "Ligou e pediu para parar")):
        answer = browser.post(
            do(contact, "consent"), {"channel": "1", "state": state, "source": "ligação", "proof": words}
        )
        assert answer.status_code == 302
    job = SendJob.objects.create(
        client=aurora, kind=MessageKind.CAMPAIGN, channel=ChannelKind.WHATSAPP, state=JobState.RUNNING, text="Oferta"
    )
    waiting = Recipient.objects.create(job=job, contact=contact)
    ended = SendJob.objects.create(
        client=aurora, kind=MessageKind.CAMPAIGN, channel=ChannelKind.EMAIL, state=JobState.FINISHED, text="Carta"
    )
    Recipient.objects.create(
        job=ended, contact=contact, state=RecipientState.FAILED, reason=Reason.PROVIDER_REFUSED, code="131026"
    )
    Message.objects.create(
        client=aurora, contact=contact, direction=Direction.INBOUND, channel=ChannelKind.WHATSAPP, text="Abrem sábado?"
    )
    assert "1 waiting message is skipped at once." in text(browser.get(do(contact, "suppress")))
    browser.post(do(contact, "suppress"), {"channel": "2", "reason": "manual", "why": "asked by letter"})
    suppression = Suppression.objects.get()
    assert (suppression.address, suppression.channel) == ("maria@x.com", ChannelKind.EMAIL)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == (RecipientState.SKIPPED, Reason.SUPPRESSED)

    page = text(browser.get(change(contact)))
    for words in (
        "WhatsApp +5511987654321 block no consent withdrawn",
        "e-mail maria@x.com block never suppressed: entered by a person",
        "SMS +5511987654321 help no word yet",
        "Disse sim ao telefone",
        "Ligou e pediu para parar",
        "Abrem sábado?",
        "failed refused by the provider 131026",
        "skipped address suppressed",
    ):
        assert words in page, words

    assert browser.post(do(suppression, "lift"), {"why": ""}).status_code == 200
    browser.post(do(suppression, "lift"), {"why": "wrong person"})
    assert not Suppression.objects.exists()
    assert AuditEntry.objects.get(action="lift_suppression").why == "wrong person"

    asked = text(browser.get(do(contact, "erase")))
    assert "consents (1), messages (1)" in asked and "skipped: 0." in asked
    browser.post(do(contact, "erase"), {"why": "request of 2026-11-20"})
    assert not Contact.objects.exists() and not Consent.objects.exists() and not Message.objects.exists()
    assert Recipient.objects.count() == 2


def test_a_whatsapp_person_without_a_phone_is_suppressed(aurora: Client, browser: Browser) -> None:
    contact = Contact.objects.create(client=aurora, name="Lia", whatsapp_id="BR.1234567890")
    assert browser.post(do(contact, "suppress"), {"channel": "1", "reason": "opted_out", "why": ""}).status_code == 302
    assert Suppression.objects.get().address == "BR.1234567890"
    assert "WhatsApp BR.1234567890 block never suppressed: asked to stop" in text(browser.get(change(contact)))


def test_an_address_is_suppressed_by_hand(aurora: Client, browser: Browser) -> None:
    add = reverse("admin:messaging_suppression_add")
    form = {"client": aurora.pk, "channel": "1", "address": "11 98765-4321", "reason": "opted_out", "why": ""}
    assert "This is no address of the channel" in text(browser.post(add, form | {"address": "12"}))
    assert not Suppression.objects.exists()
    browser.post(add, form)
    assert Suppression.objects.get().address == "+5511987654321"
    found = text(browser.get(reverse("admin:messaging_suppression_changelist"), {"q": "+55 11 98765"}))
    assert "+5511987654321" in found and "1 record" in found


# A file -----------------------------------------------------------------------------------------------------------------
def upload(browser: Browser, client: Client, content: bytes, name: str = "clientes.csv") -> Any:
    file = SimpleUploadedFile(name, content)
    return browser.post(reverse("admin:messaging_contactimport_add"), {"client": client.pk, "file": file})


def chosen(*targets: str) -> dict[str, str]:
    """The form's choices: a field, or an attribute's name after a colon."""
    form = {"columns": str(len(targets)), "country": ""}
    for position, target in enumerate(targets):
        field, _colon, key = target.partition(":")
        form |= {f"c{position}": field, f"c{position}_key": key}
    return form


def test_a_file_from_upload_to_result(
    aurora: Client,
    browser: Browser,
    nudges: list[tuple[str, int]],
    settings: Any,
    tmp_path: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.MEDIA_ROOT = tmp_path
    Contact.objects.create(client=aurora, name="Zé", phone="+5511970001000")
    assert upload(browser, aurora, FILE.encode("cp1252")).status_code == 302
    record = ContactImport.objects.get()
    assert (record.state, record.rows) == (ImportState.DRAFT, 0)
    assert Path(record.stored_path).parent == tmp_path / "imports"

    page = text(browser.get(change(record)))
    assert "Text in Windows-1252, separated by semicolon" in page
    assert "Conceição Ávila" in page
    assert "All 4 rows were looked at: 4 of 4 would be rejected." in page  # “Contato” was taken for the phone

    mended = chosen("name", "phone", "email", "attribute:compras", "consent_whatsapp")
    preview_url = reverse("admin:messaging_contactimport_columns", args=(record.pk,))
    clashing = chosen("phone", "phone", "email", "ignored", "ignored")
    assert "“Contato” and “Fone 2” cannot both become “Phone”." in text(browser.post(preview_url, clashing))
    assert "Choose one below" in text(browser.post(preview_url, chosen(*["ignored"] * 5)))
    preview = text(browser.post(preview_url, mended))
    assert "All 4 rows were looked at: 1 of 4 would be rejected." in preview
    assert "2 José Araújo +5511970001000 jose@exemplo.com.br granted compras: 3" in preview
    assert "5 block rejected the phone is not valid" in preview
    refused = browser.post(change(record), {**clashing, "do": "run"})
    assert "Not started" in text(refused)
    record.refresh_from_db()
    assert (record.state, nudges) == (ImportState.DRAFT, [])

    with django_capture_on_commit_callbacks(execute=True):
        browser.post(change(record), {**mended, "do": "try"})
    assert nudges == [("messaging.import_contacts", record.pk)]
    assert "dry run: nothing is written" in text(browser.get(change(record)))
    live = browser.get(reverse("admin:messaging_contactimport_live", args=(record.pk,)))
    assert "hx-get" in live.content.decode() and not live.has_header("HX-Refresh")
    before = list(Contact.objects.values())
    run_import(record.pk)
    assert list(Contact.objects.values()) == before and not Consent.objects.exists()
    tried = text(browser.get(change(record)))
    assert "Dry run: nothing was written 4 rows = 1 + 1 + 0 + 1 + 1" in tried and "Import now" in tried
    live = browser.get(reverse("admin:messaging_contactimport_live", args=(record.pk,)))
    assert live["HX-Refresh"] == "true"

    with django_capture_on_commit_callbacks(execute=True):
        browser.post(change(record), {**mended, "do": "run"})
    run_import(record.pk)
    record.refresh_from_db()
    assert (record.state, record.created, record.updated, record.merged, record.rejected) == ("done", 1, 1, 1, 1)
    assert set(Contact.objects.values_list("name", "phone", "email", "attributes__compras")) == {
        ("José Araújo", "+5511970001000", "jose@exemplo.com.br", 5),
        ("Conceição Ávila", "+5511970001001", None, 4),
    }
    assert "Result 4 rows = 1 + 1 + 0 + 1 + 1" in text(browser.get(change(record)))
    assert "already" in text(browser.post(change(record), {**mended, "do": "run"}))

    rejected_url = reverse("admin:messaging_contactimport_rejected", args=(record.pk,))
    file = b"".join(browser.get(rejected_url).streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]
    assert file[0] == "linha,motivo,Contato,Fone 2,E-mail,Compras,Aceita WhatsApp"
    assert file[1:] == ["5,o telefone não é válido,'=Fórmula,1234,,1,"]
    noted = AuditEntry.objects.get(action="read_personal_data")
    assert noted.after == {"what": "rejected_rows", "rows": 1}
    assert "clientes.csv" in text(browser.get(reverse("admin:messaging_contactimport_changelist")))


def test_what_is_no_table_is_not_kept(aurora: Client, browser: Browser, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    foreign = Client.objects.create(name="Other", slug="other")
    assert "This is no CSV or XLSX file" in text(upload(browser, aurora, b"%PDF-1.7\n" + bytes(200), "people.csv"))
    assert "Select a valid choice" in text(upload(browser, foreign, FILE.encode()))
    assert not ContactImport.objects.exists()
    assert list(tmp_path.rglob("*.upload")) == []


def test_a_file_is_thrown_away_only_while_nothing_came_of_it(
    aurora: Client, browser: Browser, settings: Any, tmp_path: Path, nudges: list[tuple[str, int]]
) -> None:
    settings.MEDIA_ROOT = tmp_path
    upload(browser, aurora, FILE.encode())
    record = ContactImport.objects.get()
    browser.post(change(record), {**chosen("name", "phone", "email", "ignored", "ignored"), "do": "run"})
    assert browser.post(do(record, "discard")).status_code == 200
    assert ContactImport.objects.filter(pk=record.pk).exists()
    run_import(record.pk)
    upload(browser, aurora, FILE.encode())
    draft = ContactImport.objects.get(state=ImportState.DRAFT)
    reader = Browser()
    reader.force_login(make_person("rui", Role.ANALYST, aurora, language="en"))
    assert reader.post(do(draft, "discard")).status_code == 403
    assert reader.post(change(draft), {**chosen("ignored"), "do": "run"}).status_code == 403
    assert "97000" not in text(reader.get(change(draft)))
    browser.post(do(draft, "discard"))
    assert not ContactImport.objects.filter(pk=draft.pk).exists()
    assert [path.name for path in tmp_path.rglob("*.upload")] == [Path(record.stored_path).name]


def test_duplicate_headers_are_told_apart_by_place(
    aurora: Client, browser: Browser, settings: Any, tmp_path: Path, nudges: Callable[..., Any]
) -> None:
    settings.MEDIA_ROOT = tmp_path
    upload(browser, aurora, b"x,x,\n11970001000,Ana,ana@x.com\n")
    record = ContactImport.objects.get()
    browser.post(change(record), {**chosen("phone", "name", "email"), "do": "run"})
    run_import(record.pk)
    contact = Contact.objects.get()
    assert (contact.name, contact.phone, contact.email) == ("Ana", "+5511970001000", "ana@x.com")
