"""Detection of columns and of what further columns hold."""

import pytest

from messaging.rules.attributes import AttributeKind, attribute_key, infer_kind, store_value
from messaging.rules.columns import Column, ColumnField, MappingProblem, detect_columns, has_address


def meanings(*headers: str, **mapping: str) -> list[str]:
    return [column.key or column.field.value for column in detect_columns(headers, mapping)]


def test_portuguese_headers() -> None:
    assert meanings("Nome Completo", "Telefone Celular", "E-mail", "Etiquetas", "Aceita WhatsApp", "Cidade", "Última compra") == [
        "name", "phone", "email", "tags", "consent_whatsapp", "cidade", "ultima_compra",
    ]  # fmt: skip


def test_english_headers() -> None:
    assert meanings("First Name", "last_name", "MOBILE", "Email Address", "accepts sms marketing", "Time Zone", "Language") == [
        "first_name", "last_name", "phone", "email", "consent_sms", "time_zone", "language",
    ]  # fmt: skip


def test_doubled_and_empty_headers_become_numbered_attributes() -> None:
    assert meanings("telefone", "Telefone", "cidade", "Cidade", "", "  ") == [
        "phone", "telefone", "cidade", "cidade_2", "column_5", "column_6",
    ]  # fmt: skip


def test_a_person_corrects_the_mapping() -> None:
    columns = detect_columns(["nome", "fone", "cod"], {"Fone": "ignored", "cod": "phone", "nome": "attribute:Apelido"})
    assert columns == (
        Column(0, "nome", ColumnField.ATTRIBUTE, "apelido"),
        Column(1, "fone", ColumnField.IGNORED),
        Column(2, "cod", ColumnField.PHONE),
    )
    assert has_address(columns)
    assert not has_address(columns[:2])


@pytest.mark.parametrize(
    "mapping",
    [
        {"nada": "phone"},
        {"nome": "telepathy"},
        {"nome": "phone", "fone": "phone"},
        {"nome": "attribute:a", "fone": "attribute:A"},
    ],
)
def test_unusable_mappings(mapping: dict[str, str]) -> None:
    with pytest.raises(MappingProblem):
        detect_columns(["nome", "fone"], mapping)


KINDS = [
    ("compras", ["1", "25", ""], AttributeKind.INTEGER),
    ("gasto", ["1.50", "1,234.56"], AttributeKind.DECIMAL_POINT),
    ("gasto", ["1,50", "1.234,56", "10"], AttributeKind.DECIMAL_COMMA),
    ("gasto", ["1,234"], AttributeKind.DECIMAL_COMMA),
    ("ativo", ["Sim", "não"], AttributeKind.BOOLEAN),
    ("nascimento", ["1990-02-28"], AttributeKind.DATE_ISO),
    ("nascimento", ["28/02/1990", "01/02/1990"], AttributeKind.DATE_DAY_FIRST),
    ("birthday", ["02/28/1990"], AttributeKind.DATE_MONTH_FIRST),
    ("nascimento", ["31/02/1990"], AttributeKind.TEXT),
    ("cep", ["12345678"], AttributeKind.TEXT),
    ("loja", ["007"], AttributeKind.TEXT),
    ("conta", ["12345678901"], AttributeKind.TEXT),
    ("cidade", ["Recife"], AttributeKind.TEXT),
    ("vazio", ["", " "], AttributeKind.TEXT),
]


@pytest.mark.parametrize(("key", "values", "kind"), KINDS)
def test_kinds(key: str, values: list[str], kind: AttributeKind) -> None:
    assert infer_kind(key, values) is kind


def test_what_does_not_fit_stays_text() -> None:
    assert store_value("1.234,5", AttributeKind.DECIMAL_COMMA) == 1234.5
    assert store_value("12", AttributeKind.INTEGER) == 12
    assert store_value(" doze ", AttributeKind.INTEGER) == "doze"
    assert store_value("Não", AttributeKind.BOOLEAN) is False
    assert store_value("28/02/1990", AttributeKind.DATE_DAY_FIRST) == "1990-02-28"


def test_keys_are_usable_in_templates() -> None:
    assert attribute_key("Última Compra (R$)", 1) == "ultima_compra_r"
    assert attribute_key("2ª via", 1) == "c_2a_via"
    assert attribute_key("…", 7) == "column_7"
