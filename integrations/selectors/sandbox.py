"""Whether the sandbox answers, where one is configured."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from agency.kit.health import Finding, Health
from integrations.models import Connection
from integrations.sandbox.control import ControlFailed, SandboxControl

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def check_sandbox() -> Finding:
    """Ok without a sandbox: the real services are used then."""
    if not settings.SANDBOX_URL:
        return _found_in_connections()
    try:
        SandboxControl(settings.SANDBOX_URL, timeout=3).state()
    except OSError as error:
        return Finding(
            Health.FAILED,
            _("%(url)s does not answer (%(error)s)") % {"url": settings.SANDBOX_URL, "error": error},
            _("Start it with `python manage.py sandbox`, or empty SANDBOX_URL to use the real services."),
        )
    return Finding(
        Health.DEGRADED,
        _("%(url)s: messages reach nobody") % {"url": settings.SANDBOX_URL},
        _("Empty SANDBOX_URL to send for real."),
    )


def _found_in_connections() -> Finding:
    """Without the setting (it belongs to the processes of `make up`) the enabled connections say where they lead; one may be a sandbox."""
    connections = Connection.objects.filter(enabled=True, settings__has_key="base_url")
    roots = list(_roots(connections.values_list("settings__base_url", flat=True)))
    answering = {root for root in set(roots) if _answers(root)}
    number = sum(root in answering for root in roots)
    if not number:
        return Finding(Health.OK, _("not used: messages go to the real services"))
    return Finding(
        Health.DEGRADED,
        _("%(url)s: messages of %(number)s enabled connections reach nobody")
        % {"url": ", ".join(sorted(answering)), "number": number},
        _("They belong to `make up` or `make demo`. Disable them to send for real."),
    )


def _roots(addresses: Iterable[str]) -> Iterable[str]:
    """The roots of those addresses that lead to this machine."""
    for address in addresses:
        parts = urlsplit(str(address))
        if parts.scheme == "http" and parts.hostname in LOOPBACK:
            yield f"{parts.scheme}://{parts.netloc}"


def _answers(root: str) -> bool:
    """Whether a sandbox is there; another program may have its port by now."""
    try:
        SandboxControl(root, timeout=1).state()
    except (OSError, ControlFailed, ValueError, LookupError, TypeError):
        return False
    return True
