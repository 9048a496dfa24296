"""What a mail domain publishes, judged: SPF (RFC 7208), DKIM keys (RFC 6376), DMARC (RFC 7489, found by walking up the tree). Pure.

The texts come from DNS and are passed in: `TxtRecords` maps a name to its TXT records, () when it has none. Each judgement that needs a name
that is not in there says so through its `names`, so that whoever asks DNS knows what to ask next.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

TxtRecords = Mapping[str, tuple[str, ...]]

MAX_SPF_LOOKUPS = 10  # RFC 7208, 4.6.4: beyond, receivers answer "permerror"
MAX_RECORD = 500  # characters of a record that are kept to be shown
WEAK_RSA, GOOD_RSA = 1_024, 2_048  # bits; below the first nobody accepts a signature (RFC 8301)
MAX_PARENTS = 5
COMMON_SELECTORS = ("default", "mail", "dkim", "google", "selector1", "selector2", "k1", "s1")

PASS, WARN, FAIL, UNKNOWN = "pass", "warn", "fail", "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement. `state` is a `MailCheckState`, `code` says why for programs and translators, `name` is where the record is or should be."""

    state: str
    code: str
    name: str
    record: str = ""


def mail_domain(address: str) -> str:
    """The domain of a sender's address ("Name <a@b>" or "a@b"), in lower case; empty when there is none."""
    _local, at, domain = parseaddr(address)[1].rpartition("@")
    return domain.lower().rstrip(".") if at else ""


def spf_names(domains: tuple[str, ...], txt: TxtRecords) -> list[str]:
    """Names that have to be asked before `judge_spf` can answer; empty when it can."""
    for domain in domains:
        if domain not in txt:
            return [domain]
        if _spf(txt[domain]):
            _count, missing = _walk_spf(domain, txt, set())
            return missing[:MAX_SPF_LOOKUPS]
    return []


def judge_spf(domains: tuple[str, ...], txt: TxtRecords) -> Finding:
    """The first of the domains (where bounces go to) that has an SPF record decides."""
    for domain in domains:
        records = _spf(txt.get(domain, ()))
        if records:
            return _judge_spf(domain, records, txt)
    return Finding(FAIL, "no_record", domains[0])


def _judge_spf(domain: str, records: list[str], txt: TxtRecords) -> Finding:
    shown = records[0][:MAX_RECORD]
    if len(records) > 1:
        return Finding(FAIL, "several_records", domain, shown)
    lookups, _missing = _walk_spf(domain, txt, set())
    if lookups > MAX_SPF_LOOKUPS:
        return Finding(FAIL, "too_many_lookups", domain, shown)
    if broken := _broken_include(records[0], txt):
        return Finding(FAIL, "broken_include", broken, shown)
    verdict = _spf_all(domain, txt, set())
    if verdict == "+":
        return Finding(FAIL, "allows_everybody", domain, shown)
    if verdict in ("-", "~"):
        return Finding(PASS, "in_order", domain, shown)
    return Finding(WARN, "no_verdict", domain, shown)


def _spf(records: tuple[str, ...]) -> list[str]:
    return [text for text in records if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]


def _terms(record: str) -> list[str]:
    return record.lower().split()[1:]


def _target(term: str) -> str:
    """The domain an include or redirect leads to; empty for other terms and for ones with macros, which no fixed name stands for."""
    bare = term.lstrip("+-~?")
    for start in ("include:", "redirect="):
        if bare.startswith(start) and "%" not in bare:
            return bare.removeprefix(start).rstrip(".")
    return ""


def _asks_dns(term: str) -> bool:
    bare = term.lstrip("+-~?")
    name = bare.replace("=", ":", 1).split(":", 1)[0].split("/", 1)[0]
    return name in ("include", "a", "mx", "ptr", "exists", "redirect")


def _walk_spf(domain: str, txt: TxtRecords, seen: set[str]) -> tuple[int, list[str]]:
    """How many look-ups a receiver makes (those that are known), and the names not asked yet."""
    if domain not in txt:
        return 0, [domain]
    if domain in seen or len(seen) > MAX_SPF_LOOKUPS:
        return MAX_SPF_LOOKUPS + 1, []  # a loop, or far too deep: a receiver gives up
    count, missing = 0, []
    for term in _terms(next(iter(_spf(txt[domain])), "")):
        count += _asks_dns(term)
        if target := _target(term):
            inner, names = _walk_spf(target, txt, {*seen, domain})
            count += inner
            missing += names
        if count > MAX_SPF_LOOKUPS:
            return count, []
    return count, missing


def _broken_include(record: str, txt: TxtRecords) -> str:
    """The first included or redirected name without exactly one SPF record (RFC 7208, 5.2: a permanent error); empty for none."""
    for term in _terms(record):
        target = _target(term)
        if target and len(_spf(txt.get(target, ()))) != 1:
            return target
    return ""


def _spf_all(domain: str, txt: TxtRecords, seen: set[str]) -> str:
    """The sign of the `all` that decides: + - ~ ? or empty when there is none."""
    terms = _terms(next(iter(_spf(txt.get(domain, ()))), ""))
    for term in terms:
        if term.lstrip("+-~?") == "all":
            return term[0] if term[0] in "+-~?" else "+"
    redirect = next((_target(term) for term in terms if term.startswith("redirect=")), "")
    return _spf_all(redirect, txt, {*seen, domain}) if redirect and redirect not in seen else ""


def dkim_names(domain: str, selectors: tuple[str, ...]) -> list[str]:
    """Where the keys of these selectors are."""
    return [f"{selector}._domainkey.{domain}" for selector in selectors]


def judge_dkim(domain: str, selector: str, usual: tuple[str, ...], txt: TxtRecords) -> Finding:
    """The key of the stated selector; without one, of the first usual selector that has a key. No key under a guessed name proves nothing."""
    for name in dkim_names(domain, (selector,) if selector else usual):
        for text in txt.get(name, ()):
            tags = _tags(text)
            if "p" in tags or tags.get("v", "").upper() == "DKIM1":
                return _judge_key(name, text, tags)
    if selector:
        return Finding(FAIL, "no_record", dkim_names(domain, (selector,))[0])
    return Finding(UNKNOWN, "selector_unknown", f"_domainkey.{domain}")


def _judge_key(name: str, text: str, tags: Mapping[str, str]) -> Finding:
    shown, key = text[:MAX_RECORD], "".join(tags.get("p", "").split())
    if not key:
        return Finding(FAIL, "key_revoked", name, shown)
    if tags.get("k", "rsa").lower() != "rsa":
        return Finding(PASS, "in_order", name, shown)
    try:
        loaded = load_der_public_key(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return Finding(FAIL, "key_unreadable", name, shown)
    bits = loaded.key_size if isinstance(loaded, RSAPublicKey) else 0
    if bits < WEAK_RSA:
        return Finding(FAIL, "key_too_short", name, shown)
    if bits < GOOD_RSA:
        return Finding(WARN, "key_short", name, shown)
    return Finding(PASS, "in_order", name, shown)


def dmarc_names(domain: str) -> list[str]:
    """Where a policy for the domain may stand: its own place, then those of its parents that have at least two labels."""
    labels = domain.split(".")
    return [f"_dmarc.{'.'.join(labels[start:])}" for start in range(max(1, len(labels) - 1))][:MAX_PARENTS]


def judge_dmarc(domain: str, txt: TxtRecords) -> Finding:
    """The nearest policy decides; a parent's holds by its rule for subdomains."""
    for place, name in enumerate(dmarc_names(domain)):
        records = [text for text in txt.get(name, ()) if _tags(text).get("v", "").upper() == "DMARC1"]
        if len(records) > 1:
            return Finding(FAIL, "several_records", name, records[0][:MAX_RECORD])
        if records:
            return _judge_policy(name, records[0], inherited=place > 0)
    return Finding(FAIL, "no_record", dmarc_names(domain)[0])


def _judge_policy(name: str, record: str, *, inherited: bool) -> Finding:
    tags, shown = _tags(record), record[:MAX_RECORD]
    policy = (tags.get("sp", "") if inherited else "") or tags.get("p", "")
    match policy.lower():
        case "reject" | "quarantine":
            return Finding(PASS, "in_order", name, shown)
        case "none":
            return Finding(WARN, "policy_none", name, shown)
        case _:
            return Finding(FAIL, "no_policy", name, shown)


def _tags(record: str) -> dict[str, str]:
    """`v=DMARC1; p=none` as a mapping with names in lower case."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, sign, value in pairs if sign}
