"""People as Meta takes them: normalised, then SHA-256, for audiences and for conversion events alike. Nothing else of a person leaves."""

import hashlib
import re
import unicodedata

_HASH = re.compile(r"[0-9a-f]{64}")


def hashed(normalised: str) -> str:
    """SHA-256 in hex; nothing for nothing."""
    return hashlib.sha256(normalised.encode()).hexdigest() if normalised else ""


def hashed_email(address: str) -> str:
    """An e-mail address: trimmed, lower case."""
    return hashed(address.strip().lower())


def hashed_phone(number: str) -> str:
    """A phone in E.164: digits only, country code first."""
    return hashed(re.sub(r"\D", "", number))


def hashed_name(name: str) -> str:
    """A first or last name: lower case, without punctuation; accents stay."""
    return hashed("".join(each for each in name.strip().lower() if not unicodedata.category(each).startswith("P")))


def is_hash(text: str) -> bool:
    """Whether a text is a SHA-256 in hex, and so nobody's address by mistake."""
    return _HASH.fullmatch(text) is not None
