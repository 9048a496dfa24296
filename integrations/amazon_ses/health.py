"""Health of an SES account: whether Amazon lets it send, and how much of its quota is left."""

import asyncio
from contextlib import closing

from django.utils.translation import gettext_lazy as _

from integrations.amazon_ses.account import build
from integrations.facts import ConnectionFacts
from integrations.health import Health, HealthState, judged

NEARLY = 0.9  # of the quota of 24 hours


async def check(connection: ConnectionFacts) -> Health:
    """One GET of the account."""
    return await judged(asyncio.to_thread(_look, connection))


def _look(connection: ConnectionFacts) -> Health:
    with closing(build(connection)) as account:
        quota = account.look()
    if not quota.is_sending_enabled or quota.enforcement == "SHUTDOWN":
        return Health(HealthState.FAILED, _("Amazon has paused this account's sending; look into its SES console."))
    if quota.enforcement != "HEALTHY":
        return Health(HealthState.DEGRADED, _("Amazon reviews this account; bounces or complaints are too many."))
    if not quota.is_in_production:
        return Health(
            HealthState.DEGRADED, _("The account is in Amazon's sandbox and reaches verified addresses only.")
        )
    if 0 < quota.in_24_hours * NEARLY < quota.sent_last_24_hours:
        return Health(HealthState.DEGRADED, _("The quota of 24 hours is nearly used up."))
    if not connection.settings.get("topic_arn"):
        return Health(HealthState.DEGRADED, _("Nobody hears what became of e-mails; enter the SNS topic."))
    return Health(HealthState.OK, _("The account may send."))
