"""Whether the sandbox answers, where one is configured."""

from django.conf import settings

from agency.kit.health import Finding, Health
from integrations.sandbox.control import SandboxControl


def check_sandbox() -> Finding:
    """Ok without a sandbox: the real services are used then."""
    if not settings.SANDBOX_URL:
        return Finding(Health.OK, "not used: messages go to the real services")
    try:
        SandboxControl(settings.SANDBOX_URL, timeout=3).state()
    except OSError as error:
        return Finding(
            Health.FAILED,
            f"{settings.SANDBOX_URL} does not answer ({error})",
            "Start it with `python manage.py sandbox`, or empty SANDBOX_URL to use the real services.",
        )
    return Finding(
        Health.DEGRADED, f"{settings.SANDBOX_URL}: messages reach nobody", "Empty SANDBOX_URL to send for real."
    )
