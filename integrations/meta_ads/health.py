"""Health of an ad account: whether the token works, and whether Meta lets the account spend."""

import asyncio
from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged
from integrations.meta_ads.client import build
from integrations.meta_ads.records import AccountStatus

WORDS: Mapping[int, Promise] = {
    AccountStatus.DISABLED: _("Meta has disabled this ad account; see Account Quality."),
    AccountStatus.UNSETTLED: _("This ad account has an unpaid bill."),
    AccountStatus.PENDING_RISK_REVIEW: _("Meta is reviewing this ad account."),
    AccountStatus.PENDING_SETTLEMENT: _("This ad account waits for a payment to arrive."),
    AccountStatus.IN_GRACE_PERIOD: _("A payment of this ad account failed; ads stop soon unless it is settled."),
    AccountStatus.PENDING_CLOSURE: _("This ad account is being closed."),
    AccountStatus.CLOSED: _("This ad account is closed."),
}


async def check(connection: ConnectionFacts) -> Health:
    """One GET of the account."""
    return await judged(_look(connection))


async def _look(connection: ConnectionFacts) -> Health:
    account = await asyncio.to_thread(build(connection).look)
    if account.status == AccountStatus.ACTIVE:
        return Health(HealthState.OK, _("Connected as %(identity)s.") % {"identity": account.name})
    words = WORDS.get(account.status, _("Meta says that this ad account is not active."))
    return Health(HealthState.DEGRADED if account.is_active else HealthState.FAILED, words)
