"""What `/readyz`, `doctor` and Prometheus ask about the clock."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from agency.kit.health import Finding, Health
from agency.kit.metrics import Sample
from automations.selectors.beat import beat_state
from automations.selectors.schedules import schedules_out_of_step

SILENT_TICK = 30.0  # seconds without a complete pass over the schedules
SILENT_BROKER = 120.0  # seconds without a message taken; canaries are due every 30 s


def check_beat() -> Finding:
    """One Beat holds the lease, passes over the schedules, and gets its messages out."""
    state = beat_state()
    if not state.alive:
        told = _("never started")
        if state.age is not None:
            told = _("silent for %(seconds).0f s (last: %(holder)s)") % {"seconds": state.age, "holder": state.holder}
        todo = _("Start Beat: `celery -A agency beat`, or `make up` on your own machine.")
        return Finding(Health.FAILED, told, todo)
    if state.tick_age is not None and state.tick_age > SILENT_TICK:
        text = _("%(holder)s holds the lease, but its last pass was %(seconds).0f s ago")
        todo = _("Read Beat's log: it cannot read the schedules.")
        return Finding(Health.FAILED, text % {"holder": state.holder, "seconds": state.tick_age}, todo)
    if state.publish_age is not None and state.publish_age > SILENT_BROKER:
        text = _("the broker has taken no message for %(seconds).0f s") % {"seconds": state.publish_age}
        return Finding(Health.FAILED, text, _("Look at the broker; missed slots are caught up when it is back."))
    text = _("%(holder)s, renewed %(seconds).1f s ago") % {"holder": state.holder, "seconds": state.age or 0}
    lost = [
        words % {"number": number}
        for number, words in (
            (state.missed, _("%(number)d missed")),
            (state.failed, _("%(number)d failed")),
            (state.waiting, _("%(number)d waiting for a worker")),
        )
        if number
    ]
    if lost:
        text = _("%(beat)s; slots of the last 24 hours: %(slots)s") % {"beat": text, "slots": ", ".join(lost)}
        todo = _("Look at the slot ledger in the admin; a slot can be run again there.")
        return Finding(Health.DEGRADED, text, todo)
    return Finding(Health.OK, text)


def check_schedules() -> Finding:
    """The rows that Beat follows are those that this code declares."""
    wrong = schedules_out_of_step()
    if wrong:
        text = _("not in step: %(names)s") % {"names": ", ".join(wrong)}
        return Finding(Health.DEGRADED, text, _("Run `python manage.py sync_schedules`."))
    return Finding(Health.OK, _("in step with the code"))


def beat_gauges() -> Iterable[Sample]:
    """Age of the lease and of the last pass, and slots that need somebody."""
    state = beat_state()
    if state.age is not None:
        yield Sample("beat_lease_age_seconds", "Seconds since the holder of Beat's lease renewed it", state.age)
        yield Sample("beat_lease_held", "1 while some Beat holds the lease", float(state.alive))
        yield Sample("beat_lease_term", "How often the lease has changed hands", float(state.term))
    if state.tick_age is not None:
        yield Sample("beat_tick_age_seconds", "Seconds since Beat's last complete pass", state.tick_age)
    for what, number in (("waiting", state.waiting), ("missed", state.missed), ("failed", state.failed)):
        yield Sample(
            "slots", "Slots that need attention (missed, failed: last 24 hours)", float(number), {"state": what}
        )
