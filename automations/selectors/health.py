"""What `/readyz`, `doctor` and Prometheus ask about the clock."""

from collections.abc import Iterable

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
        told = "never started" if state.age is None else f"silent for {state.age:.0f} s (last: {state.holder})"
        return Finding(Health.FAILED, told, "Start Beat: `celery -A agency beat`, or `make up` on your own machine.")
    if state.tick_age is not None and state.tick_age > SILENT_TICK:
        text = f"{state.holder} holds the lease, but its last pass was {state.tick_age:.0f} s ago"
        return Finding(Health.FAILED, text, "Read Beat's log: it cannot read the schedules.")
    if state.publish_age is not None and state.publish_age > SILENT_BROKER:
        text = f"the broker has taken no message for {state.publish_age:.0f} s"
        return Finding(Health.FAILED, text, "Look at the broker; missed slots are caught up when it is back.")
    text = f"{state.holder}, renewed {state.age or 0:.1f} s ago"
    lost = [f"{number} {what}" for number, what in ((state.missed, "missed"), (state.failed, "failed")) if number]
    if lost or state.waiting:
        waits = [f"{state.waiting} waiting for a worker"] if state.waiting else []
        text = f"{text}; slots of the last 24 hours: {', '.join(lost + waits)}"
        return Finding(Health.DEGRADED, text, "Look at the slot ledger in the admin; a slot can be run again there.")
    return Finding(Health.OK, text)


def check_schedules() -> Finding:
    """The rows that Beat follows are those that this code declares."""
    wrong = schedules_out_of_step()
    if wrong:
        return Finding(Health.DEGRADED, f"not in step: {', '.join(wrong)}", "Run `python manage.py sync_schedules`.")
    return Finding(Health.OK, "in step with the code")


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
