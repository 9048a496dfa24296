"""The vectorised reading says the same as the rules, value by value."""

import json

import phonenumbers
import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st

from messaging.imports.address_columns import PROBLEM, VALUE, normalize_emails, normalize_phones
from messaging.imports.normalising import Normaliser, attribute_pair
from messaging.imports.rows import BatchBuilder
from messaging.rules.addresses import AddressProblem, email_or_problem, phone_or_problem
from messaging.rules.attributes import AttributeKind, store_value
from messaging.rules.columns import detect_columns
from messaging.states import RejectReason

brazilian = st.builds(
    lambda prefix, area, rest, form: form.format(prefix=prefix, area=area, start=rest[:-4], end=rest[-4:]),
    prefix=st.sampled_from(["", "+55", "55", "+55 ", "0", "0055", "+", "+1", "+351 "]),
    area=st.integers(0, 999),
    rest=st.text("0123456789", min_size=6, max_size=10),
    form=st.sampled_from(
        ["{prefix}{area}{start}{end}", "{prefix}({area}) {start}-{end}", "{prefix} {area}.{start}.{end}"]
    ),
)
phone_texts = brazilian | st.text("0123456789+-() .x\u00a0", max_size=18) | st.text(max_size=12)


@given(st.lists(phone_texts | st.none(), min_size=1, max_size=20), st.sampled_from(["BR", "US", "PT"]))
def test_phones_of_a_column_are_what_the_judge_says(texts: list[str | None], country: str) -> None:
    found = normalize_phones(pl.Series(texts, dtype=pl.String), country)
    for text, value, problem in zip(texts, found[VALUE], found[PROBLEM], strict=True):
        expected, reason = ("", None) if text is None else phone_or_problem(text, country)
        assert (value or "", problem) == (expected, None if reason in {None, AddressProblem.EMPTY} else str(reason))
        assert value is None or phonenumbers.is_valid_number(phonenumbers.parse(value, None))


def test_every_area_code_and_first_digit_agrees_with_the_judge() -> None:
    texts = [
        f"{prefix}{area}{start}{'7654321'[: length - 1]}"
        for prefix in ("", "+55", "55")
        for area in range(100)
        for start in range(10)
        for length in (7, 8)
    ] + [f"{area}9{start}7654321" for area in range(10, 100) for start in range(10)]
    found = normalize_phones(pl.Series(texts), "BR")[VALUE].to_list()
    assert [value or "" for value in found] == [phone_or_problem(text, "BR")[0] for text in texts]


email_texts = st.emails() | st.from_regex(r"[a-zA-Z0-9._+'-]{0,8}@[a-zA-Z0-9.-]{0,8}\.[a-zA-Zçx]{0,4}", fullmatch=True)


@given(st.lists(email_texts | st.text(max_size=10) | st.none(), min_size=1, max_size=20))
@example(["K@b.com", "a@b.İo", " <A@b.co> ", "a@xn--ao-siap.com", "'a@b.com'"])
def test_emails_of_a_column_are_what_the_judge_says(texts: list[str | None]) -> None:
    found = normalize_emails(pl.Series(texts, dtype=pl.String))
    for text, value, problem in zip(texts, found[VALUE], found[PROBLEM], strict=True):
        expected, reason = ("", None) if text is None else email_or_problem(text)
        assert (value or "", problem) == (expected, None if reason in {None, AddressProblem.EMPTY} else str(reason))


cells = (
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)
    | st.integers(-9999, 9999).map(str)
    | st.dates().map(str)
    | st.dates().map(lambda day: f"{day.day:02}/{day.month:02}/{day.year:04}")
    | st.sampled_from(
        ["1.234,50", "1,234.50", "12,5", "-0", "0007", "sim", "NÃO", "31/02/2020", "1e5", '"', "\\", "a\nb"]
    )
)


@given(st.lists(cells, min_size=1, max_size=20), st.sampled_from(AttributeKind))
def test_attributes_of_a_column_are_what_the_rule_stores(texts: list[str], kind: AttributeKind) -> None:
    column = pl.Series("c0", texts).str.strip_chars()
    pairs = pl.DataFrame({"c0": column}).select(attribute_pair("c0", "key", kind)).to_series().to_list()
    for text, pair in zip(column, pairs, strict=True):
        if not text:
            assert pair is None
        else:
            assert json.loads("{" + pair + "}") == {"key": store_value(text, kind)}


def test_a_batch_and_its_refused_rows() -> None:
    header = ["Nome", "Fone", "E-mail", "Tags", "Aceite", "Idioma", "Fuso horário", "Idade"]
    rows = [
        [
            " Ana  Maria ",
            "11 8765-4321",
            "ANA@Example.com",
            "vip; novo ,vip",
            "Sim",
            "Português",
            "America/Recife",
            "40",
        ],
        ["Bia", "-", "n/a", "", "", "", "", ""],
        ["Caio", "123", "", "", "", "", "", ""],
        ["Duda", "5,5E+12", "", "", "", "", "", ""],
        ["Eva", "11987654321", "eva@", "", "", "", "", ""],
        ["Fábio", "11987654321", "", "", "quem sabe", "", "", ""],
        ["Gil", "11987654321", "", "x" * 30_000, "", "", "", ""],
        ["Hugo\0", "11987654321", "", "", "", "", "", ""],
        ["Íris", "(11) 3333-4444", "", "", "não", "??", "Marte", "quarenta"],
    ]
    builder = BatchBuilder(len(header))
    for number, row in enumerate(rows, start=2):
        builder.add(number, row)
    staged = Normaliser(detect_columns(header), "BR", check_characters=True).normalise(builder.batch())
    assert [(row.number, row.reason) for row in staged.refused] == [
        (3, RejectReason.NO_ADDRESS),
        (4, RejectReason.INVALID_PHONE),
        (5, RejectReason.LOST_DIGITS),
        (6, RejectReason.INVALID_EMAIL),
        (7, RejectReason.UNCLEAR_CONSENT),
        (8, RejectReason.CELL_TOO_LONG),
        (9, RejectReason.UNREADABLE_CHARACTERS),
    ]
    assert staged.frame.rows() == [
        (2, "+5511987654321", "ana@example.com", None, "Ana Maria", "pt-br", "America/Recife", "vip\x1fnovo", '{"idade":"40"}', 1, 1, 1),
        (10, "+551133334444", None, None, "Íris", None, None, None, '{"idade":"quarenta"}', 2, None, 2),
    ]  # fmt: skip
