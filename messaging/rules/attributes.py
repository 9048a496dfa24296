"""What kind of values a further column holds, and each value in the form it is stored in a contact's attributes.

The kind is inferred once per column from a sample; a later value that does not fit stays text, so nothing is lost.
Digits that are a code rather than an amount (CPF, CEP, leading zeros) stay text.
"""

import datetime
import enum
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TypeAlias

MAX_ATTRIBUTE_TEXT = 2_000
MAX_KEY = 60
SAMPLE = 2_000  # values looked at per column

AttributeValue: TypeAlias = str | int | float | bool


class AttributeKind(enum.StrEnum):
    """How the values of a column are read."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL_POINT = "decimal_point"  # 1,234.56
    DECIMAL_COMMA = "decimal_comma"  # 1.234,56
    BOOLEAN = "boolean"
    DATE_ISO = "date_iso"  # 2026-12-31
    DATE_DAY_FIRST = "date_day_first"  # 31/12/2026
    DATE_MONTH_FIRST = "date_month_first"  # 12/31/2026


# The patterns and formats are shared with the vectorised reading of the importer: one rule, two speeds.
PATTERNS = {
    AttributeKind.INTEGER: r"^-?(?:0|[1-9]\d{0,8})$",
    AttributeKind.DECIMAL_POINT: r"^-?(?:0|[1-9]\d{0,11}|[1-9]\d{0,2}(?:,\d{3}){1,3})(?:\.\d{1,6})?$",
    AttributeKind.DECIMAL_COMMA: r"^-?(?:0|[1-9]\d{0,11}|[1-9]\d{0,2}(?:\.\d{3}){1,3})(?:,\d{1,6})?$",
    AttributeKind.BOOLEAN: r"^(?i:true|false|sim|n[aã]o|yes|no|s|n|y|verdadeiro|falso|si|sí)$",
    AttributeKind.DATE_ISO: r"^\d{4}-\d{2}-\d{2}$",
    AttributeKind.DATE_DAY_FIRST: r"^\d{2}/\d{2}/\d{4}$",
    AttributeKind.DATE_MONTH_FIRST: r"^\d{2}/\d{2}/\d{4}$",
}
DATE_FORMATS = {
    AttributeKind.DATE_ISO: "%Y-%m-%d",
    AttributeKind.DATE_DAY_FIRST: "%d/%m/%Y",
    AttributeKind.DATE_MONTH_FIRST: "%m/%d/%Y",
}
TRUE_WORDS = frozenset({"true", "sim", "yes", "s", "y", "verdadeiro", "si", "sí"})

_COMPILED = {kind: re.compile(pattern) for kind, pattern in PATTERNS.items()}
# Most particular first: every integer is also a decimal.
_ORDER = (
    AttributeKind.INTEGER,
    AttributeKind.DECIMAL_POINT,
    AttributeKind.DECIMAL_COMMA,
    AttributeKind.BOOLEAN,
    AttributeKind.DATE_ISO,
    AttributeKind.DATE_DAY_FIRST,
    AttributeKind.DATE_MONTH_FIRST,
)
_CODE_KEY = re.compile(
    r"(?:^|_)(?:cpf|cnpj|rg|cep|zip|zipcode|postal|codigo|code|cod|id|matricula|sku|ean|protocolo|documento|document|crm|ddd|pis|nis|numero|number)(?:_|$)"
)


def infer_kind(key: str, values: Iterable[str]) -> AttributeKind:
    """The kind that fits every non-empty value of the sample; text when none does, or when the key names a code."""
    sample = [value.strip() for value in values if value.strip()][:SAMPLE]
    if not sample or _CODE_KEY.search(key):
        return AttributeKind.TEXT
    for kind in _ORDER:
        if all(read_value(value, kind) is not None for value in sample) and not _is_ambiguous(kind, sample):
            return kind
    return AttributeKind.TEXT


def _is_ambiguous(kind: AttributeKind, sample: Sequence[str]) -> bool:
    """Whether the sample fits the kind without speaking for it.

    Nothing but long digits is a code, not an amount. Nothing but "1,234" is a Brazilian decimal, not grouped thousands.
    """
    if kind is AttributeKind.DECIMAL_POINT:
        return not any("." in value for value in sample)
    if kind is AttributeKind.DECIMAL_COMMA:
        return not any("," in value for value in sample)
    return False


def read_value(text: str, kind: AttributeKind) -> AttributeValue | None:
    """The value as stored, or None when the text is not of this kind. Dates become ISO text."""
    if kind is AttributeKind.TEXT:
        return text
    if not _COMPILED[kind].match(text):
        return None
    match kind:
        case AttributeKind.INTEGER:
            return int(text)
        case AttributeKind.DECIMAL_POINT:
            return float(text.replace(",", ""))
        case AttributeKind.DECIMAL_COMMA:
            return float(text.replace(".", "").replace(",", "."))
        case AttributeKind.BOOLEAN:
            return text.lower() in TRUE_WORDS
        case _:
            return _iso_date(text, DATE_FORMATS[kind])


def _iso_date(text: str, written: str) -> str | None:
    try:
        return datetime.datetime.strptime(text, written).date().isoformat()
    except ValueError:
        return None


def store_value(text: str, kind: AttributeKind) -> AttributeValue:
    """The value as stored; text that does not fit the column's kind stays text."""
    written = text.strip()
    value = read_value(written, kind)
    return written if value is None else value


def attribute_key(header: str, position: int) -> str:
    """A name usable in a template, `{{ contact.attributes.cidade_natal }}`, for a column header.

    position: 1-based, for columns without a usable header.
    """
    decomposed = unicodedata.normalize("NFKD", header.casefold())
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    key = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:MAX_KEY].strip("_")
    if not key:
        return f"column_{position}"
    return key if key[0].isalpha() else f"c_{key}"[:MAX_KEY]
