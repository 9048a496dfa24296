"""Checks that packages declare: is what we depend on there, and what should a person do if not.

    register_check("beat", check_beat, ready=True)      # in apps.ready()

`ready` checks decide `/readyz`; those with a `title` are lines of the home page; all of them are in `manage.py doctor`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _

CANARY_KEY = "canary:{queue}"  # in the cache: when (epoch seconds) a queue last answered


class Health(StrEnum):
    """ok | degraded (works, somebody should look) | failed."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: a short text with numbers, and what to do when it is not ok."""

    health: Health
    text: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One named check; it returns findings and may raise, which counts as failed. `needs`: without these there is nothing to look at."""

    name: str
    run: Callable[[], Finding]
    ready: bool
    title: Any = ""
    needs: tuple[str, ...] = ()


_checks: dict[str, Check] = {}


def register_check(
    name: str, run: Callable[[], Finding], *, ready: bool = False, title: Any = "", needs: tuple[str, ...] = ()
) -> None:
    """Declare a check; a second one of the same name replaces the first. `title` (translated lazily) names it on the home page.

    `needs` are checks declared earlier whose failure explains this one's.
    """
    _checks[name] = Check(name, run, ready, title, needs)


def titled_checks() -> dict[str, Any]:
    """The checks that the home page shows, with their titles, in order of declaration."""
    return {check.name: check.title for check in _checks.values() if check.title}


def run_checks(*, only_ready: bool = False, only_titled: bool = False) -> dict[str, Finding]:
    """Run the checks in order of declaration. What a check raises becomes a failed finding with the error's first line."""
    found: dict[str, Finding] = {}
    for check in _checks.values():
        if (only_ready and not check.ready) or (only_titled and not check.title):
            continue
        away = [name for name in check.needs if name in found and found[name].health is Health.FAILED]
        if away:
            # Each of them would wait for the same server that does not answer.
            text = _("not looked at without %(names)s") % {"names": ", ".join(away)}
            found[check.name] = Finding(Health.FAILED, text)
            continue
        try:
            found[check.name] = check.run()
        except Exception as error:
            first_line = (str(error).strip().splitlines() or [""])[0]
            found[check.name] = Finding(
                Health.FAILED, f"{type(error).__name__}: {first_line}"[:300], "See the text of the error."
            )
    return found
