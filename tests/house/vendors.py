"""Which installed libraries talk to the outside: derived from the run-time requirements, so that a new SDK is watched from its first day."""

import re
from functools import cache
from importlib import metadata

from tests.house.licence_list import PINNED
from tests.house.source import ROOT

# What speaks a network protocol by itself. Whoever needs one of these is a client of something.
PROTOCOLS = frozenset(
    {"aiohttp", "aiosmtplib", "dnspython", "google-auth", "h11", "httptools", "httpx", "pyreqwest", "requests"}
    | {"httpcore2", "httpx2", "slack-sdk", "urllib3"}  # Slack's speaks HTTP with the standard library
)
STANDARD = frozenset({"ftplib", "http.client", "imaplib", "poplib", "smtplib", "socketserver", "urllib.request"})


@cache
def pinned() -> frozenset[str]:
    """The names of the run-time requirements, direct or brought along."""
    text = (ROOT / "requirements.txt").read_text("utf-8")
    return frozenset(found[1] for line in text.splitlines() if (found := PINNED.match(line)))


@cache
def needs(name: str) -> frozenset[str]:
    """Everything pinned that a package cannot do without, and itself; what an extra would bring is not counted."""
    found = {name}
    for line in metadata.requires(name) or []:
        other = re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", line)[0]).lower()
        if "extra ==" not in line and other in pinned() - found and _is_installed(other):
            found |= needs(other)
    return frozenset(found)


@cache
def talkers() -> frozenset[str]:
    """The pinned packages that speak a network protocol or need one that does. Raises LookupError for a stale `PROTOCOLS`."""
    if gone := PROTOCOLS - pinned():
        raise LookupError(f"no run-time requirement any more: {', '.join(sorted(gone))}")
    return PROTOCOLS | {name for name in pinned() if _is_installed(name) and needs(name) & PROTOCOLS}


@cache
def vendor_modules() -> frozenset[str]:
    """The top modules that these packages install."""
    found = set[str]()
    for name in talkers():
        files = [path for path in metadata.files(name) or [] if path.suffix in (".py", ".so")]
        found |= {path.parts[0].partition(".")[0] for path in files if not path.parts[0].startswith(("_", "."))}
    return frozenset(top for top in found if top.isidentifier() and top not in ("tests", "test", "examples", "docs"))


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
