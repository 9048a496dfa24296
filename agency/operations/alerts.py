"""Alerts as episodes: raised while something is wrong, cleared when it is over, acknowledged by whoever looks after it.

    raise_alert(actor=..., key="connection:7:health", severity=AlertSeverity.CRITICAL, title=..., todo=..., subject=connection)
    clear_alert(actor=..., key="connection:7:health")

Both may be called as often as one likes: a repetition refreshes the open episode, clearing what is not open does nothing. Raising, worsening,
clearing and acknowledging are audited; a mere repetition is not.
"""

from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.models import Alert, Client
from agency.operations.audit import record_audit
from agency.states import AlertSeverity

MOST_TITLE = 200
MOST_NOTE = 500


@transaction.atomic
def raise_alert(
    *,
    actor: Actor,
    key: str,
    severity: AlertSeverity,
    title: str,
    text: str = "",
    todo: str = "",
    subject: models.Model | None = None,
    client: Client | None = None,
) -> Alert:
    """Open an episode under `key`, or refresh the open one. An episode that gets worse loses its acknowledgement: somebody should look again."""
    now = timezone.now()
    given = {"severity": severity, "title": title[:MOST_TITLE], "text": text, "todo": todo}
    alert = _open(key)
    if alert is None:
        about = {} if subject is None else {"subject_type": subject._meta.label, "subject_id": subject.pk}
        try:
            with transaction.atomic():
                alert = Alert.objects.create(key=key, client=client, raised_at=now, last_seen_at=now, **given, **about)
        except IntegrityError:  # somebody else raised it at this moment
            alert = _open(key)
            if alert is None:
                raise
        else:
            _audit(actor, "raise_alert", alert, after={"key": key, "severity": int(severity), "title": alert.title})
            return alert
    worse = severity > alert.severity
    before = {"severity": alert.severity, "title": alert.title}
    for name, value in given.items():
        setattr(alert, name, value)
    alert.last_seen_at, alert.times_seen = now, alert.times_seen + 1
    changed = [*given, "last_seen_at", "times_seen"]
    if worse:
        alert.acknowledged_at, alert.acknowledged_by = None, None
        changed += ["acknowledged_at", "acknowledged_by"]
    alert.save(update_fields=changed)
    if worse:
        after = {"severity": int(severity), "title": alert.title}
        _audit(actor, "worsen_alert", alert, before=before, after=after)
    return alert


@transaction.atomic
def clear_alert(*, actor: Actor, key: str) -> bool:
    """End the open episode under `key`. False when there was none."""
    alert = _open(key)
    if alert is None:
        return False
    _clear(actor, alert)
    return True


@transaction.atomic
def clear_alerts_of(*, actor: Actor, subject: models.Model) -> int:
    """End every open episode about a record, for example when it is switched off. Returns how many."""
    about = Alert.objects.select_for_update().filter(
        subject_type=subject._meta.label, subject_id=subject.pk, cleared_at__isnull=True
    )
    alerts = list(about.order_by("pk"))
    for alert in alerts:
        _clear(actor, alert)
    return len(alerts)


@transaction.atomic
def acknowledge_alert(*, actor: Actor, alert_id: int, note: str = "") -> Alert:
    """Somebody looks after it: it leaves the lists of what waits, and stays open until the trouble is over. Raises `OperationRefused`."""
    alert = Alert.objects.select_for_update(of=("self",)).get(pk=alert_id)
    if not alert.is_open:
        raise OperationRefused("alert_over", _("This is over already."))
    alert.acknowledged_at, alert.acknowledged_by_id = timezone.now(), actor.user_id
    alert.note = note.strip()[:MOST_NOTE]
    alert.save(update_fields=["acknowledged_at", "acknowledged_by", "note"])
    _audit(actor, "acknowledge_alert", alert, after={"note": alert.note})
    return alert


def _open(key: str) -> Alert | None:
    return Alert.objects.select_for_update(of=("self",)).filter(key=key, cleared_at__isnull=True).first()


def _clear(actor: Actor, alert: Alert) -> None:
    alert.cleared_at = timezone.now()
    alert.save(update_fields=["cleared_at"])
    _audit(actor, "clear_alert", alert, after={"key": alert.key, "times_seen": alert.times_seen})


def _audit(
    actor: Actor,
    action: str,
    alert: Alert,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    record_audit(actor=actor, action=action, subject=alert, client=alert.client, before=before, after=after)
