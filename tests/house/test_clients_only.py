"""House rule 2, inside `integrations`: whoever wants to talk to a service goes through its client; nothing else opens a connection of its own."""

import ast
from collections.abc import Iterator
from pathlib import PurePath

import pytest

from tests.house.source import Module, sample, violations
from tests.house.vendors import STANDARD, vendor_modules

# A service that carries messages has its channel in the first and everything else in the second (decision 0235).
CLIENTS = ("client.py", "account.py")
# The one module outside clients and sandboxes that needs such a library, and which.
NAMED = {"integrations/dns_records.py": {"dns"}}


def imported(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Every imported module's full dotted name."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node, node.module


def may_call(path: PurePath) -> bool:
    """Whether a module of `integrations` is one that talks to services, or plays one."""
    if path.parts[1] in ("http.py", "sandbox"):
        return True
    return len(path.parts) > 2 and (path.name in CLIENTS or path.name.startswith("sandbox"))


def strays(module: Module) -> Iterator[str]:
    """Imports of HTTP libraries and vendors' SDKs where no client is."""
    if module.package != "integrations" or may_call(module.path):
        return
    allowed = NAMED.get(module.path.as_posix(), set())
    for node, name in imported(module):
        forbidden = {found for found in vendor_modules() | STANDARD if f"{name}.".startswith(f"{found}.")}
        if forbidden - allowed:
            yield f"{module.at(node)} imports {name}: only clients, sandboxes and integrations/http.py may"


def test_only_clients_and_sandboxes_talk() -> None:
    assert violations(strays) == ""


@pytest.mark.parametrize(
    ("path", "text", "count"),
    [
        ("integrations/twilio/health.py", "import httpx", 1),
        ("integrations/twilio/webhook.py", "from twilio.request_validator import RequestValidator", 1),
        ("integrations/runners/look.py", "import http.client", 1),
        ("integrations/operations/look.py", "from urllib.request import urlopen\nimport pyreqwest.client", 2),
        ("integrations/mail.py", "import aiosmtplib, smtplib", 2),
        ("integrations/client.py", "import httpx", 1),  # of no service
        ("integrations/dns_records.py", "import dns.resolver\nimport requests", 1),
        ("integrations/twilio/client.py", "from twilio.rest import Client", 0),
        ("integrations/twilio/account.py", "from twilio.rest import Client", 0),
        ("integrations/account.py", "import httpx", 1),  # of no service
        ("integrations/resend/sandbox_errors.py", "import httptools", 0),
        ("integrations/sandbox/wire.py", "import httptools", 0),
        ("integrations/http.py", "from pyreqwest.client import Client", 0),
        ("integrations/door.py", "from http import HTTPStatus\nfrom urllib.parse import urlsplit", 0),
    ],
)
def test_a_stray_import_is_found(path: str, text: str, count: int) -> None:
    assert len(list(strays(sample(path, text)))) == count
