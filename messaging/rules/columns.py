"""Which column of a file means what: detected from Portuguese and English headers, corrected by the person.

A target is a field of the contact, a consent per channel, tags, an attribute, or nothing.
"""

import dataclasses
import enum
import re
import unicodedata
from collections.abc import Mapping, Sequence

from messaging.rules.attributes import attribute_key


class ColumnField(enum.StrEnum):
    """What a column can fill."""

    PHONE = "phone"
    EMAIL = "email"
    NAME = "name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    LANGUAGE = "language"
    TIME_ZONE = "time_zone"
    WHATSAPP_ID = "whatsapp_id"
    TAGS = "tags"
    CONSENT_WHATSAPP = "consent_whatsapp"
    CONSENT_SMS = "consent_sms"
    CONSENT_EMAIL = "consent_email"
    CONSENT_ALL = "consent"
    ATTRIBUTE = "attribute"
    IGNORED = "ignored"


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column of the file and where it goes. `key` is set for attributes only."""

    position: int  # 0-based
    header: str
    field: ColumnField
    key: str = ""


class MappingProblem(ValueError):
    """The mapping a person gave cannot be used; the text says why."""


_ALIASES: dict[ColumnField, tuple[str, ...]] = {
    ColumnField.PHONE: (
        "phone", "phone number", "phonenumber", "mobile", "mobile phone", "mobile number", "cell", "cell phone", "cellphone", "telephone", "tel", "fone",
        "telefone", "telefone celular", "celular", "cel", "numero", "numero de telefone", "numero do celular", "numero celular", "numero telefone",
        "numero do whatsapp", "numero whatsapp", "whatsapp", "whats", "whatsapp number", "zap", "wpp", "contato", "telefone 1", "fone 1", "phone 1",
        "celular 1", "telefone principal", "celular whatsapp", "telefone whatsapp", "fone celular", "telefone contato", "telefone de contato",
        "ddd telefone", "ddd celular", "telefono", "movil", "msisdn",
    ),
    ColumnField.EMAIL: (
        "email", "e mail", "mail", "email address", "e mail address", "endereco de email", "endereco email", "correio eletronico", "endereco eletronico",
        "email principal", "email 1", "e mail 1", "e mail principal", "endereco de e mail", "correo", "correo electronico", "email do cliente",
        "email cliente",
    ),
    ColumnField.NAME: (
        "name", "full name", "fullname", "contact name", "customer name", "nome", "nome completo", "nome do cliente", "nome cliente", "nome do contato",
        "nome contato", "nome do paciente", "paciente", "cliente", "nome social", "razao social", "customer", "contact", "nombre completo", "nombre",
    ),
    ColumnField.FIRST_NAME: ("first name", "firstname", "given name", "primeiro nome", "prenome"),
    ColumnField.LAST_NAME: ("last name", "lastname", "surname", "family name", "sobrenome", "ultimo nome", "apellido", "apellidos"),
    ColumnField.LANGUAGE: ("language", "lang", "locale", "idioma", "lingua", "linguagem", "preferred language"),
    ColumnField.TIME_ZONE: ("time zone", "timezone", "tz", "fuso", "fuso horario", "zona horaria"),
    ColumnField.WHATSAPP_ID: ("whatsapp id", "wa id", "waid", "id do whatsapp", "id whatsapp", "whatsapp user id", "bsuid"),
    ColumnField.TAGS: ("tags", "tag", "labels", "label", "etiquetas", "etiqueta", "marcadores", "marcador", "groups", "grupos"),
    ColumnField.CONSENT_WHATSAPP: (
        "consent whatsapp", "whatsapp consent", "whatsapp opt in", "optin whatsapp", "opt in whatsapp", "whatsapp optin", "consentimento whatsapp",
        "consentimento do whatsapp", "aceita whatsapp", "autoriza whatsapp", "permite whatsapp", "aceite whatsapp", "accepts whatsapp", "receber whatsapp",
    ),
    ColumnField.CONSENT_SMS: (
        "consent sms", "sms consent", "sms opt in", "optin sms", "opt in sms", "sms optin", "consentimento sms", "aceita sms", "autoriza sms",
        "permite sms", "aceite sms", "accepts sms", "accepts sms marketing", "receber sms",
    ),
    ColumnField.CONSENT_EMAIL: (
        "consent email", "email consent", "email opt in", "optin email", "opt in email", "email optin", "consentimento email", "consentimento e mail",
        "aceita email", "aceita e mail", "autoriza email", "autoriza e mail", "permite email", "aceite email", "accepts email",
        "accepts email marketing", "receber email", "newsletter", "aceita newsletter",
    ),
    ColumnField.CONSENT_ALL: (
        "consent", "opt in", "optin", "consentimento", "aceite", "aceita mensagens", "aceita receber mensagens", "autoriza contato", "autorizacao",
        "aceita marketing", "accepts marketing", "marketing consent", "lgpd", "aceite lgpd", "consentimento lgpd", "permite contato",
        "aceita receber comunicacoes", "aceita comunicacao",
    ),
}  # fmt: skip
_FIELD_OF_ALIAS = {alias: field for field, aliases in _ALIASES.items() for alias in aliases}
# Fields a person may name in a mapping; `attribute` is written `attribute:key`.
NAMED_FIELDS = frozenset(field.value for field in ColumnField if field is not ColumnField.ATTRIBUTE)
_ATTRIBUTE_PREFIX = "attribute:"
_NUMBERED = re.compile(r"#([1-9]\d{0,3})")
MAX_COLUMNS = 300


def plain_header(header: str) -> str:
    """The header in lower case without accents, punctuation and units, for comparing."""
    decomposed = unicodedata.normalize("NFKD", header.casefold())
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", plain).split())


def detect_columns(headers: Sequence[str], mapping: Mapping[str, str] | None = None) -> tuple[Column, ...]:
    """Say what each column means. `mapping` (header → field) overrides what is detected.

    In a mapping "#3" is the third column, for headers that repeat or are empty. The first column of a kind wins; a second one
    with the same meaning, or the same header, becomes an attribute under a numbered key.
    Raises MappingProblem for a mapping that names no column or no field, or for too many columns.
    """
    if len(headers) > MAX_COLUMNS:
        raise MappingProblem(f"The file has {len(headers)} columns; at most {MAX_COLUMNS} can be read.")
    chosen = _chosen_targets(headers, mapping or {})
    taken = {field for field, _ in chosen.values()}
    keys: set[str] = {key for _, key in chosen.values() if key}
    columns = []
    for position, header in enumerate(headers):
        if position in chosen:
            field, key = chosen[position]
        else:
            field, key = _FIELD_OF_ALIAS.get(plain_header(header), ColumnField.ATTRIBUTE), ""
            if field in taken:
                field = ColumnField.ATTRIBUTE
            taken.add(field)
            taken.discard(ColumnField.ATTRIBUTE)
            if field is ColumnField.ATTRIBUTE:
                key = _free_key(attribute_key(header, position + 1), keys)
                keys.add(key)
        columns.append(Column(position=position, header=header, field=field, key=key))
    return tuple(columns)


def mapping_of(columns: Sequence[Column]) -> dict[str, str]:
    """What `detect_columns` said, as a mapping that says the same of the same file; columns by their place."""
    return {
        f"#{column.position + 1}": f"{_ATTRIBUTE_PREFIX}{column.key}"
        if column.field is ColumnField.ATTRIBUTE
        else column.field.value
        for column in columns
    }


def has_address(columns: Sequence[Column]) -> bool:
    """Whether some column holds an address, without which no row can become a contact."""
    addresses = {ColumnField.PHONE, ColumnField.EMAIL, ColumnField.WHATSAPP_ID}
    return any(column.field in addresses for column in columns)


def _chosen_targets(headers: Sequence[str], mapping: Mapping[str, str]) -> dict[int, tuple[ColumnField, str]]:
    chosen: dict[int, tuple[ColumnField, str]] = {}
    plain = [plain_header(header) for header in headers]
    for header, target in mapping.items():
        if numbered := _NUMBERED.fullmatch(header):
            position = int(numbered[1]) - 1
            if position >= len(headers):
                raise MappingProblem(f"The file has {len(headers)} columns; there is no column {header}.")
        elif header in headers:
            position = list(headers).index(header)
        elif plain_header(header) in plain and plain_header(header):
            position = plain.index(plain_header(header))
        else:
            raise MappingProblem(f"The file has no column “{header}”. Its columns: {', '.join(headers)}.")
        chosen[position] = _read_target(target)
    single = [field for field, _ in chosen.values() if field not in {ColumnField.ATTRIBUTE, ColumnField.IGNORED}]
    if len(single) != len(set(single)):
        raise MappingProblem("Two columns are mapped to the same field.")
    attribute_keys = [key for field, key in chosen.values() if field is ColumnField.ATTRIBUTE]
    if len(attribute_keys) != len(set(attribute_keys)):
        raise MappingProblem("Two columns are mapped to the same attribute.")
    return chosen


def _read_target(target: str) -> tuple[ColumnField, str]:
    wanted = target.strip()
    if wanted.startswith(_ATTRIBUTE_PREFIX):
        key = attribute_key(wanted.removeprefix(_ATTRIBUTE_PREFIX), 0)
        return ColumnField.ATTRIBUTE, key
    if wanted not in NAMED_FIELDS:
        raise MappingProblem(
            f"“{wanted}” is no field of a contact. Fields: {', '.join(sorted(NAMED_FIELDS))}, attribute:NAME."
        )
    return ColumnField(wanted), ""


def _free_key(key: str, taken: set[str]) -> str:
    if key not in taken:
        return key
    number = 2
    while f"{key}_{number}" in taken:
        number += 1
    return f"{key}_{number}"
