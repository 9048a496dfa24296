"""Phones and e-mails: known forms by table, the algebra by property."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.rules.addresses import AddressProblem, AddressRefused, normalize_email, normalize_phone

PHONES = [
    ("11987654321", "BR", "+5511987654321"),
    ("(11) 98765-4321", "BR", "+5511987654321"),
    ("+55 11 98765-4321", "BR", "+5511987654321"),
    ("5511987654321", "BR", "+5511987654321"),
    ("5511987654321.0", "BR", "+5511987654321"),
    ("'+5511987654321", "BR", "+5511987654321"),
    ('="11987654321"', "BR", "+5511987654321"),
    ("11 8765-4321", "BR", "+5511987654321"),  # the ninth digit
    ("551187654321", "BR", "+5511987654321"),
    ("+551187654321", "BR", "+5511987654321"),
    ("5598765432", "BR", "+5555998765432"),  # area code 55, not the country
    ("55998765432", "BR", "+5555998765432"),
    ("555598765432", "BR", "+5555998765432"),
    ("11 7876-5432", "BR", "+5511978765432"),
    ("(11) 3333-4444", "BR", "+551133334444"),  # landlines have eight digits
    ("551133334444", "BR", "+551133334444"),
    ("+55 (0) 11 98765-4321", "BR", "+5511987654321"),
    ("011 98765-4321", "BR", "+5511987654321"),
    ("0xx11 98765-4321", "BR", "+5511987654321"),
    ("0 15 11 98765-4321", "BR", "+5511987654321"),
    ("0055 11 98765 4321", "PT", "+5511987654321"),
    ("Tel.: (11) 98765-4321", "BR", "+5511987654321"),
    ("(11) 3333-4444 ramal 21", "BR", "+551133334444"),
    ("１１９８７６５４３２１", "BR", "+5511987654321"),
    ("11\u00a098765\u20114321", "BR", "+5511987654321"),
    ("912 345 678", "PT", "+351912345678"),
    ("+351 912 345 678", "BR", "+351912345678"),
    ("(415) 555-2671", "US", "+14155552671"),
    ("+1 415 555 2671", "BR", "+14155552671"),
]

REFUSED_PHONES = [
    ("", AddressProblem.EMPTY),
    ("  ", AddressProblem.EMPTY),
    ("11\x0098765-4321", AddressProblem.NUL_BYTE),
    ("1" * 65, AddressProblem.TOO_LONG),
    ("5,51199E+12", AddressProblem.LOST_DIGITS),
    ("5.51199e12", AddressProblem.LOST_DIGITS),
    ("não tem", AddressProblem.NOT_A_PHONE),
    ("1-800-FLOWERS", AddressProblem.NOT_A_PHONE),
    ("-", AddressProblem.NOT_A_PHONE),
    ("987654321", AddressProblem.INVALID_PHONE),
    ("(20) 98765-4321", AddressProblem.INVALID_PHONE),  # no such area code
    ("11 98765-43211", AddressProblem.INVALID_PHONE),
    ("11 98765-4321 / 11 91234-5678", AddressProblem.NOT_A_PHONE),
    ("00000000000", AddressProblem.INVALID_PHONE),
]


@pytest.mark.parametrize(("text", "country", "expected"), PHONES)
def test_phone_forms(text: str, country: str, expected: str) -> None:
    assert normalize_phone(text, country) == expected


@pytest.mark.parametrize(("text", "problem"), REFUSED_PHONES)
def test_refused_phones(text: str, problem: AddressProblem) -> None:
    with pytest.raises(AddressRefused) as refused:
        normalize_phone(text, "BR")
    assert refused.value.problem is problem


@given(st.text(alphabet="0123456789+-() .x", max_size=20), st.sampled_from(["BR", "US", "PT", "AR"]))
def test_a_phone_is_valid_and_stays_itself(text: str, country: str) -> None:
    try:
        phone = normalize_phone(text, country)
    except AddressRefused:
        return
    assert phonenumbers.is_valid_number(phonenumbers.parse(phone, None))
    assert {normalize_phone(phone, other) for other in ("BR", "US", "PT", "AR")} == {phone}


EMAILS = [
    ("Maria@Example.COM", "maria@example.com"),
    (" maria@example.com ", "maria@example.com"),
    ("Maria Silva <maria@example.com>", "maria@example.com"),
    ("mailto:maria@example.com", "maria@example.com"),
    ("maria@exämple.com", "maria@xn--exmple-cua.com"),
    ("maria@AÇÃO.com.br", "maria@xn--ao-siap.com.br"),
    ("o'brien+tag@mail.example.co.uk", "o'brien+tag@mail.example.co.uk"),
]

REFUSED_EMAILS = [
    ("", AddressProblem.EMPTY),
    ("ma\0ria@example.com", AddressProblem.NUL_BYTE),
    ("maria", AddressProblem.NOT_AN_EMAIL),
    ("maria@@example.com", AddressProblem.NOT_AN_EMAIL),
    ("maria silva@example.com", AddressProblem.NOT_AN_EMAIL),
    (".maria@example.com", AddressProblem.NOT_AN_EMAIL),
    ("maria..silva@example.com", AddressProblem.NOT_AN_EMAIL),
    ("joão@example.com", AddressProblem.NOT_AN_EMAIL),
    ("maria@example", AddressProblem.INVALID_DOMAIN),
    ("maria@example..com", AddressProblem.INVALID_DOMAIN),
    ("maria@-example.com", AddressProblem.INVALID_DOMAIN),
    ("maria@10.0.0.1", AddressProblem.INVALID_DOMAIN),
    ("maria@exa_mple.com", AddressProblem.INVALID_DOMAIN),
    ("a@b.com;c@d.com", AddressProblem.NOT_AN_EMAIL),
    ("a" * 65 + "@example.com", AddressProblem.TOO_LONG),
    ("a@" + ".".join(["b" * 60] * 5) + ".com", AddressProblem.INVALID_DOMAIN),
    ("x" * 2000, AddressProblem.TOO_LONG),
]


@pytest.mark.parametrize(("text", "expected"), EMAILS)
def test_email_forms(text: str, expected: str) -> None:
    assert normalize_email(text) == expected


@pytest.mark.parametrize(("text", "problem"), REFUSED_EMAILS)
def test_refused_emails(text: str, problem: AddressProblem) -> None:
    with pytest.raises(AddressRefused) as refused:
        normalize_email(text)
    assert refused.value.problem is problem


@given(st.emails() | st.text(max_size=40).map(lambda text: f"a@{text}") | st.text(max_size=40))
def test_an_email_is_ascii_and_stays_itself(text: str) -> None:
    try:
        email = normalize_email(text)
    except AddressRefused:
        return
    assert email.isascii()
    assert email == email.lower()
    assert len(email) <= 254
    assert normalize_email(email) == email
