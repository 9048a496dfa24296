"""A provider that accepts and does not say so, refuses for a while, breaks, or is slow."""

from messaging.models import Recipient
from messaging.states import RecipientState
from tests.faults.ground import Ground
from tests.faults.rows.processes import under_way
from tests.faults.table import Broken, fault
from tests.faults.waiting import wait_for


@fault(
    "accept_then_timeout",
    injects="the provider accepts and cuts the line, or never answers",
    holds="no duplicate; what may have been accepted is unknown until a status event settles it",
    seconds=60,
    short=True,
)
def accept_then_timeout(ground: Ground) -> float:
    """One call in ten is accepted and cut, one in two hundred accepted and left hanging; measured from the provider's recovery on."""
    control = ground.platform.sandbox.control
    control.add_fault("cut_after", operation="send", share=0.1)
    control.add_fault("hang_after", operation="send", share=0.005, seconds=4)
    trial = ground.trial(1_200)
    wait_for("half is accepted", 120, ground.alive(lambda: trial.accepted() >= 600))
    control.clear_faults()
    took = wait_for("every row final", 120, ground.alive(trial.finished))
    ground.settle(trial)
    return took


@fault(
    "provider",
    injects="429 with Retry-After, 500, a cut line before acceptance, and answers after 3 s",
    holds="senders rest and go on; no duplicate; whoever was refused has a reason; the breaker spares a broken provider",
    seconds=120,
)
def provider(ground: Ground) -> float:
    """All kinds at once, each to a share of the calls; then a provider that is broken altogether for a while."""
    control = ground.platform.sandbox.control
    control.add_fault("rate_limit", operation="send", share=0.005, seconds=1)
    control.add_fault("server_error", operation="send", share=0.01)
    control.add_fault("cut_before", operation="send", share=0.01)
    control.add_fault("latency", operation="send", share=0.05, seconds=3)
    trial = ground.trial(2_000)
    under_way(ground, trial, 300)
    broken = control.add_fault("server_error", operation="send")
    wait_for("the breaker holds", 60, lambda: _unknown(trial.job_id) >= 5)
    control.remove_fault(broken)
    took = wait_for("every row final", 240, ground.alive(trial.finished))
    ground.settle(trial, unknown=2_000)
    if _unknown(trial.job_id) > 1_000:
        raise Broken(f"{_unknown(trial.job_id)} of 2,000 unknown: the breaker did not spare them")
    return took


def _unknown(job_id: int) -> int:
    return Recipient.objects.filter(job_id=job_id, state=RecipientState.UNKNOWN).count()
