"""Whether the sandbox answers, where one is configured."""

from django.conf import settings
from django.utils.translation import gettext as _

from agency.kit.health import Finding, Health
from integrations.sandbox.control import SandboxControl


def check_sandbox() -> Finding:
    """Ok without a sandbox: the real services are used then."""
    if not settings.SANDBOX_URL:
        return Finding(Health.OK, _("not used: messages go to the real services"))
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
