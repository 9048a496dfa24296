"""Phones and e-mail addresses in their one canonical form.

For whoever stores or compares an address: the importer, the API, webhooks. A phone becomes E.164 ("+5511987654321"),
an e-mail becomes lower case with an ASCII (IDNA) domain. What cannot be read is refused with a problem a person can
act on. `phonenumbers` is the judge of what is a phone.
"""

import enum
import re
import unicodedata
from collections.abc import Callable

import idna
import phonenumbers
from phonenumbers import NumberParseException

MAX_PHONE_TEXT = 64
MAX_EMAIL = 254  # RFC 5321 path limit without the angle brackets
MAX_LOCAL_PART = 64
MAX_DOMAIN = 253
BRAZIL_CALLING_CODE = 55


class AddressProblem(enum.StrEnum):
    """Why an address was refused."""

    EMPTY = "empty"
    NUL_BYTE = "nul_byte"
    TOO_LONG = "too_long"
    NOT_A_PHONE = "not_a_phone"
    LOST_DIGITS = "lost_digits"
    INVALID_PHONE = "invalid_phone"
    NOT_AN_EMAIL = "not_an_email"
    INVALID_DOMAIN = "invalid_domain"


class AddressRefused(ValueError):
    """The text is no usable address; `problem` says why."""

    def __init__(self, problem: AddressProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


# A spreadsheet that took the phone for a number: 5.51199E+12 has lost its digits, 5511987654321.0 has not.
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d{1,3}")
_FLOAT_TAIL = re.compile(r"(\d{8,})[.,]0+")
# "0xx11" is how Brazilians write "zero, carrier of your choice, area code"; an extension is told by its usual words.
_CARRIER_PLACEHOLDER = re.compile(r"(?<![^\W\d_])[xX]{2}(?=\W*\d{2})")
_EXTENSION = re.compile(r"(?:\s*(?:;ext=|ext(?:ens[aã]o)?\b|ramal\b|r\.|x)[\s.:]*\d{1,7})\s*$", re.IGNORECASE)
_LABEL = re.compile(r"^(?:tel|fone|telefone|celular|cel|phone|mobile|whatsapp|whats|wpp|zap)\b[.:\s]*", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_BRAZIL_MOBILE_OF_EIGHT = re.compile(r"[1-9]{2}[6-9]\d{7}")
_DIGITS = re.compile(r"\d")


def is_country(code: str) -> bool:
    """Whether these two letters (ISO 3166) name a country whose phones can be read."""
    return code in phonenumbers.SUPPORTED_REGIONS


def normalize_phone(text: str, country: str) -> str:
    """Return the phone in E.164 with "+", read as written in `country` (ISO 3166 alpha-2) unless it names its own.

    A Brazilian mobile of eight digits gets its ninth; landlines stay as they are. Raises AddressRefused.
    """
    if "\0" in text:
        raise AddressRefused(AddressProblem.NUL_BYTE)
    if len(text) > MAX_PHONE_TEXT:
        raise AddressRefused(AddressProblem.TOO_LONG)
    written = unicodedata.normalize("NFKC", text).strip().strip("'\"`= \t")
    if not written:
        raise AddressRefused(AddressProblem.EMPTY)
    if _SCIENTIFIC.fullmatch(written.lstrip("+")):
        raise AddressRefused(AddressProblem.LOST_DIGITS)
    if tail := _FLOAT_TAIL.fullmatch(written):
        written = tail.group(1)
    written = _CARRIER_PLACEHOLDER.sub("", _EXTENSION.sub("", _LABEL.sub("", written)))
    if _LETTER.search(written) or not _DIGITS.search(written):
        raise AddressRefused(AddressProblem.NOT_A_PHONE)
    return _judge_phone(written, country)


def _judge_phone(written: str, country: str) -> str:
    """Ask phonenumbers, giving a Brazilian mobile its ninth digit first."""
    try:
        number = phonenumbers.parse(written, country)
    except NumberParseException as error:
        raise AddressRefused(AddressProblem.NOT_A_PHONE) from error
    if number.country_code == BRAZIL_CALLING_CODE:
        national = str(number.national_number)
        if _BRAZIL_MOBILE_OF_EIGHT.fullmatch(national):
            number.national_number = int(f"{national[:2]}9{national[2:]}")
    if not phonenumbers.is_valid_number(number):
        raise AddressRefused(AddressProblem.INVALID_PHONE)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_LOCAL_PART = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL_OF_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NAMED = re.compile(r"[^<>]*<([^<>]+)>")


def normalize_email(text: str) -> str:
    """Return the e-mail in lower case with an IDNA domain. Accepts `Name <a@b>` and `mailto:`. Raises AddressRefused.

    Lower-casing the local part is a choice: no provider in use tells `Maria@` from `maria@`, and people write both.
    """
    if "\0" in text:
        raise AddressRefused(AddressProblem.NUL_BYTE)
    if len(text) > 4 * MAX_EMAIL:
        raise AddressRefused(AddressProblem.TOO_LONG)
    written = unicodedata.normalize("NFKC", text).strip().strip("'\"` \t")
    if named := _NAMED.fullmatch(written):
        written = named.group(1).strip()
    written = written.lower().removeprefix("mailto:").strip()
    if not written:
        raise AddressRefused(AddressProblem.EMPTY)
    local_part, at, domain = written.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local_part):
        raise AddressRefused(AddressProblem.NOT_AN_EMAIL)
    address = f"{local_part}@{_normalize_domain(domain)}"
    if len(local_part) > MAX_LOCAL_PART or len(address) > MAX_EMAIL:
        raise AddressRefused(AddressProblem.TOO_LONG)
    return address


def _normalize_domain(domain: str) -> str:
    if domain.isascii() and "xn--" not in domain:
        encoded = domain
    else:
        try:
            encoded = idna.encode(domain, uts46=True).decode("ascii").lower()
        except (idna.IDNAError, UnicodeError) as error:
            raise AddressRefused(AddressProblem.INVALID_DOMAIN) from error
    labels = encoded.split(".")
    usable = len(labels) > 1 and all(_LABEL_OF_DOMAIN.fullmatch(label) for label in labels)
    if not usable or labels[-1].isdigit() or len(encoded) > MAX_DOMAIN:
        raise AddressRefused(AddressProblem.INVALID_DOMAIN)
    return encoded


def phone_or_problem(text: str, country: str) -> tuple[str, AddressProblem | None]:
    """The phone, or an empty text and the problem: for callers that collect problems row by row."""
    return _collect(lambda: normalize_phone(text, country))


def email_or_problem(text: str) -> tuple[str, AddressProblem | None]:
    """The e-mail, or an empty text and the problem."""
    return _collect(lambda: normalize_email(text))


def _collect(read: Callable[[], str]) -> tuple[str, AddressProblem | None]:
    try:
        return read(), None
    except AddressRefused as refused:
        return "", refused.problem
