"""How a connection's state is shown: words, colours, history, what its credentials say of themselves."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agency.admin.words import Tone, number
from integrations.health import HealthState
from integrations.models import Connection, ConnectionCheck
from integrations.registry import manifests
from integrations.selectors.checks import latest_checks
from integrations.selectors.grants import grant_of, missing_scopes
from integrations.selectors.overview import ServiceState, connection_state
from integrations.states import CheckState, GrantState

HEALTH_WORDS = {
    HealthState.OK: gettext_lazy("works"),
    HealthState.DEGRADED: gettext_lazy("works, but look at it"),
    HealthState.FAILED: gettext_lazy("does not work"),
}
STATE_WORDS = {
    ServiceState.OK: HEALTH_WORDS[HealthState.OK],
    ServiceState.DEGRADED: HEALTH_WORDS[HealthState.DEGRADED],
    ServiceState.FAILED: HEALTH_WORDS[HealthState.FAILED],
    ServiceState.UNCHECKED: gettext_lazy("not tested yet"),
    ServiceState.OFF: gettext_lazy("switched off"),
    ServiceState.ABSENT: gettext_lazy("not connected"),
}
STATE_TONES = {
    ServiceState.OK: Tone("done", "check_circle"),
    ServiceState.DEGRADED: Tone("look", "warning"),
    ServiceState.FAILED: Tone("broken", "error"),
    ServiceState.UNCHECKED: Tone("waiting", "schedule"),
    ServiceState.OFF: Tone("waiting", "power_off"),
    ServiceState.ABSENT: Tone("waiting", "add_link"),
}
CHECK_TONES = {CheckState.OK: "done", CheckState.DEGRADED: "look", CheckState.FAILED: "broken"}
BAR, HEIGHT = 6, 36  # pixels


def state_mark(state: ServiceState) -> SafeString:
    """The state as colour, icon and word."""
    tone = STATE_TONES[state]
    return format_html(
        '<span class="bt-mark bt-{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span> {}</span>',
        tone.name,
        tone.icon,
        STATE_WORDS[state],
    )


def connection_mark(connection: Connection) -> SafeString:
    """One connection's state."""
    return state_mark(connection_state(connection))


def latency_words(milliseconds: int | None) -> str:
    """ "214 ms"; a dash where nothing was measured."""
    return "–" if milliseconds is None else f"{number(milliseconds)} ms"


def history_picture(connection: Connection) -> str:
    """The last checks as bars, the newest at the right: colour for the result, height for the latency; said in words below."""
    checks = latest_checks(connection.pk)[::-1]
    if not checks:
        return _("Not tested yet: every connection in use is tested every five minutes.")
    measured = [check.latency_ms for check in checks if check.latency_ms is not None]
    slowest = max([*measured, 1])
    bars = format_html_join(
        "",
        '<rect class="ig-bar bt-{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (_bar(check, position, slowest) for position, check in enumerate(checks)),
    )
    well = sum(check.state == CheckState.OK for check in checks)
    words = _("%(well)s of the last %(all)s checks were well; the slowest took %(slowest)s.") % {
        "well": number(well),
        "all": number(len(checks)),
        "slowest": latency_words(slowest if measured else None),
    }
    return format_html(
        '<svg class="ig-history" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg><p>{}</p>',
        len(checks) * BAR,
        HEIGHT,
        len(checks) * BAR,
        HEIGHT,
        words,
        bars,
        words,
    )


def credentials_picture(connection: Connection) -> str:
    """What certificates, key files and the consent say of themselves: no secret among it."""
    lines = [*_file_lines(connection), *_grant_lines(connection)]
    return format_html_join("", '<p class="ig-fact"><strong>{}</strong> {}</p>', lines) if lines else "-"


def _bar(check: ConnectionCheck, position: int, slowest: int) -> tuple[Any, ...]:
    measured = check.latency_ms is not None and check.state != CheckState.FAILED
    share = (check.latency_ms or 0) / slowest if measured else 1.0  # what failed stands out, however fast it did
    height = max(4, round(HEIGHT * share))
    at = date_format(timezone.localtime(check.checked_at), "SHORT_DATETIME_FORMAT")
    state = CheckState(check.state)
    words = f"{at}: {state.label}, {latency_words(check.latency_ms)} {check.text}".strip()
    return CHECK_TONES[state], position * BAR, HEIGHT - height, BAR - 1, height, words


def _file_lines(connection: Connection) -> list[tuple[str, str]]:
    manifest = manifests().get(connection.service)
    titles = {item.name: str(item.title) for item in manifest.settings} if manifest else {}
    lines = []
    for name, facts in connection.credential_facts.items():
        shown = [str(value) for key, value in facts.items() if key not in ("kind", "expires_at", "serial", "issuer")]
        if facts.get("expires_at"):
            shown.append(_until(datetime.fromisoformat(facts["expires_at"])))
        lines.append((titles.get(name, name), " · ".join(shown)))
    return lines


def _grant_lines(connection: Connection) -> list[tuple[str, str]]:
    grant = grant_of(connection)
    if grant is None:
        return []
    title = _("Consent")
    if grant.state == GrantState.LOST:
        return [(title, _("withdrawn; press Connect"))]
    words = _("does not end") if grant.expires_at is None else _until(grant.expires_at)
    renewed = [_("renewed by itself")] if grant.renewable else []
    lines = [(title, " · ".join([words, *renewed]))]
    missing = missing_scopes(connection, grant)
    if grant.scopes:
        lines.append((_("Permissions"), ", ".join(grant.scopes)))
    if missing:
        lines.append((_("Missing permissions"), ", ".join(missing)))
    return lines


def _until(end: datetime) -> str:
    return _("valid until %(moment)s") % {"moment": date_format(timezone.localtime(end), "SHORT_DATETIME_FORMAT")}
