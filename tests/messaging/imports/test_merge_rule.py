"""The rule by which rows become contacts, row sets by table, each merged twice: the second time nothing changes."""

from pathlib import Path

import pytest

from agency.kit.actor import Actor
from agency.models import Client
from messaging.models import Consent, Contact, ContactImport, Tag
from messaging.operations.imports import create_import
from messaging.runners.import_contacts import run_import

pytestmark = pytest.mark.django_db

P1, P2, P3 = "+5511987650001", "+5511987650002", "+5511987650003"
E1, E2, E3 = "a@example.com", "b@example.com", "c@example.com"


@pytest.fixture
def client_() -> Client:
    return Client.objects.create(name="Clínica Aurora", slug="aurora")


def import_text(client: Client, path: Path, text: str, *, dry_run: bool = False) -> ContactImport:
    file = path / "people.csv"
    file.write_text(text, encoding="utf-8")
    record = create_import(
        client=client,
        path=file,
        file_name=file.name,
        mapping={},
        dry_run=dry_run,
        actor=Actor.system("test"),
        start=False,
    )
    done = run_import(record.pk)
    assert done is not None
    assert done.error == ""
    return done


def counts(record: ContactImport) -> tuple[int, int, int, int, int, int]:
    assert record.rows == record.created + record.updated + record.unchanged + record.merged + record.rejected
    return record.rows, record.created, record.updated, record.unchanged, record.merged, record.rejected


def contacts(client: Client) -> set[tuple[str | None, str | None, str]]:
    return set(Contact.objects.filter(client=client).values_list("phone", "email", "name"))


def rows(*lines: str) -> str:
    return "\n".join(["phone,email,name", *lines])


def versions(client: Client) -> list[tuple[int, str]]:
    return list(
        Contact.objects.filter(client=client).order_by("id").extra(select={"v": "xmin::text"}).values_list("id", "v")
    )


Person = tuple[str | None, str | None, str]
Counts = tuple[int, int, int, int, int, int]

# what is there, the file, (rows, created, updated, unchanged, merged, rejected), what is there afterwards, reasons
CASES: dict[str, tuple[list[Person], str, Counts, set[Person], dict[str, int]]] = {
    "new people": (
        [],
        rows(f"{P1},{E1},Ana", f"{P2},,Bia", f",{E3},Caio"),
        (3, 3, 0, 0, 0, 0),
        {(P1, E1, "Ana"), (P2, None, "Bia"), (None, E3, "Caio")},
        {},
    ),
    "a filled value wins, an empty one never erases": (
        [(P1, E1, "Ana")],
        rows(f"{P1},,Ana Maria", f",{E1},"),
        (2, 0, 1, 0, 1, 0),
        {(P1, E1, "Ana Maria")},
        {},
    ),
    "rows of one person are merged in their order": (
        [],
        rows(f"{P1},{E1},Ana", f"{P1},,Ana M.", f",{E1},"),
        (3, 1, 0, 0, 2, 0),
        {(P1, E1, "Ana M.")},
        {},
    ),
    "a new phone joins the contact that had only the e-mail": (
        [(None, E1, "Ana")],
        rows(f"{P1},{E1},", f"{P1},,Ana M."),
        (2, 0, 1, 0, 1, 0),
        {(P1, E1, "Ana M.")},
        {},
    ),
    "a phone gets a new e-mail": (
        [(P1, E1, "Ana")],
        rows(f"{P1},{E2},"),
        (1, 0, 1, 0, 0, 0),
        {(P1, E2, "Ana")},
        {},
    ),
    "phone and e-mail of two contacts": (
        [(P1, None, "Ana"), (P2, E2, "Bia")],
        rows(f"{P1},{E2},", f"{P3},{E2},", f",{E2},Beatriz"),
        (3, 0, 1, 0, 0, 2),
        {(P1, None, "Ana"), (P2, E2, "Beatriz")},
        {"email_of_another": 2},
    ),
    "phone of one contact, e-mail of another without phone": (
        [(P1, None, "Ana"), (None, E2, "Bia")],
        rows(f"{P1},{E2},"),
        (1, 0, 0, 0, 0, 1),
        {(P1, None, "Ana"), (None, E2, "Bia")},
        {"email_of_another": 1},
    ),
    "two people of a file with one e-mail": (
        [],
        rows(f"{P1},{E1},Ana", f"{P2},{E1},Bia", f"{P2},,Bia"),
        (3, 2, 0, 0, 0, 1),
        {(P1, E1, "Ana"), (P2, None, "Bia")},
        {"email_of_another_row": 1},
    ),
    "two new people want the contact that has only an e-mail": (
        [(None, E1, "Ana")],
        rows(f"{P1},{E1},", f"{P2},{E1},", f"{P2},,Bia"),
        (3, 1, 1, 0, 0, 1),
        {(P1, E1, "Ana"), (P2, None, "Bia")},
        {"email_of_another_row": 1},
    ),
    "an e-mail is handed on": (
        [(P1, E1, "Ana")],
        rows(f"{P2},{E1},Bia", f"{P1},{E2},"),
        (2, 1, 1, 0, 0, 0),
        {(P1, E2, "Ana"), (P2, E1, "Bia")},
        {},
    ),
    "two contacts exchange e-mails": (
        [(P1, E1, "Ana"), (P2, E2, "Bia")],
        rows(f"{P2},{E1},", f"{P1},{E2},"),
        (2, 0, 2, 0, 0, 0),
        {(P1, E2, "Ana"), (P2, E1, "Bia")},
        {},
    ),
    "an e-mail is not handed on when the new one is refused": (
        [(P1, E1, "Ana"), (P3, E3, "Caio")],
        rows(f"{P2},{E1},Bia", f"{P1},{E3},"),
        (2, 0, 0, 0, 0, 2),
        {(P1, E1, "Ana"), (P3, E3, "Caio")},
        {"email_of_another": 2},
    ),
    "an e-mail alone means the contact that has it, whatever other rows say": (
        [(P1, E1, "Ana")],
        rows(f"{P2},{E1},Bia", f",{E1},Ana M."),
        (2, 0, 1, 0, 0, 1),
        {(P1, E1, "Ana M.")},
        {"email_of_another": 1},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_rule(name: str, client_: Client, tmp_path: Path) -> None:
    before, text, expected, after, reasons = CASES[name]
    other = Client.objects.create(name="Other", slug="other")
    for phone, email, person in before:
        Contact.objects.create(client=client_, phone=phone, email=email, name=person)
    Contact.objects.create(client=other, phone=P1, email=E2, name="of another client")

    foreseen = import_text(client_, tmp_path, text, dry_run=True)
    assert contacts(client_) == set(before)
    done = import_text(client_, tmp_path, text)

    assert counts(foreseen) == counts(done) == expected
    assert done.rejected_reasons == reasons
    assert contacts(client_) == after
    assert contacts(other) == {(P1, E2, "of another client")}
    versions_before = versions(client_)
    again = import_text(client_, tmp_path, text)
    assert counts(again)[:3] == (expected[0], 0, 0)
    assert again.rejected == done.rejected
    assert versions(client_) == versions_before


def test_tags_attributes_and_consents(client_: Client, tmp_path: Path) -> None:
    first = import_text(
        client_,
        tmp_path,
        "telefone;nome;tags;cidade;compras;Aceita WhatsApp\n"
        f"{P1};Ana;vip, novo;Recife;3;sim\n{P2};Bia;;Olinda;;não\n{P1};;gold;;4;\n{P3};Caio;;;;talvez\n",
    )
    assert counts(first) == (4, 2, 0, 0, 1, 1)
    assert first.rejected_reasons == {"unclear_consent": 1}
    ana = Contact.objects.get(phone=P1)
    assert (sorted(ana.tags), ana.attributes) == (["gold", "novo", "vip"], {"cidade": "Recife", "compras": 4})
    assert sorted(Tag.objects.values_list("name", flat=True)) == ["gold", "novo", "vip"]
    consent = ana.consents.get()
    assert (consent.get_channel_display(), consent.get_state_display()) == (
        "WhatsApp",
        "concedido",
    ) or consent.state == 1
    assert consent.proof == {"file": "people.csv", "sha256": first.digest, "import": first.pk, "row": 4}
    assert Contact.objects.get(phone=P2).consents.get().state == 2

    # A withdrawal stands against a later "yes"; a "no" counts; the former statement is kept.
    second = import_text(client_, tmp_path, f"phone,consent_whatsapp,city\n{P1},no,\n{P2},yes,Natal\n")
    assert counts(second) == (2, 0, 2, 0, 0, 0)
    assert {c.contact.phone: (c.state, len(c.history)) for c in Consent.objects.select_related("contact")} == {
        P1: (2, 1),
        P2: (2, 0),
    }
    assert Contact.objects.get(phone=P2).attributes == {"cidade": "Olinda", "city": "Natal"}


def test_whatsapp_ids(client_: Client, tmp_path: Path) -> None:
    Contact.objects.create(client=client_, whatsapp_id="BR.1", name="Ana")
    Contact.objects.create(client=client_, whatsapp_id="BR.2", phone=P2, name="Bia")
    text = f"phone,email,whatsapp_id,name\n{P1},,BR.1,\n,,BR.1,Ana M.\n,,BR.2,Beatriz\n{P3},,BR.2,\n,{E1},BR.3,Caio\n,,BR.3,Caio C.\n"
    done = import_text(client_, tmp_path, text)
    assert counts(done) == (6, 1, 2, 0, 2, 1)
    assert done.rejected_reasons == {"whatsapp_id_of_another": 1}
    assert set(Contact.objects.values_list("phone", "email", "whatsapp_id", "name")) == {
        (P1, None, "BR.1", "Ana M."),
        (P2, None, "BR.2", "Beatriz"),
        (None, E1, "BR.3", "Caio C."),
    }
    again = import_text(client_, tmp_path, text)
    assert counts(again) == (6, 0, 0, 3, 2, 1)
