"""SPF, DKIM and DMARC of e-mail senders: read the sender, ask DNS outside any transaction, record what it said."""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from django.utils.module_loading import import_string

from agency.kit.actor import Actor
from integrations.calling.calls import refuse_inside_transaction
from integrations.errors import TemporaryFailure
from integrations.manifest import MailFacts
from integrations.registry import manifests
from messaging.models import Sender
from messaging.operations.senders import record_mail_checks
from messaging.rules.mail_domain import (
    COMMON_SELECTORS,
    MAX_SPF_LOOKUPS,
    Finding,
    dkim_names,
    dmarc_names,
    judge_dkim,
    judge_dmarc,
    judge_spf,
    mail_domain,
    spf_names,
)
from messaging.states import ChannelKind, MailCheck

logger = logging.getLogger(__name__)

DAILY = Actor.system("messaging.mail_checks")


def check_sender_mail(*, sender_id: int, actor: Actor) -> Sender:
    """Check one e-mail sender and keep the result. Where DNS gives no answer, what was known before stays."""
    refuse_inside_transaction()
    sender = Sender.objects.select_related("connection").get(pk=sender_id)
    manifest = manifests().get(sender.connection.service)
    facts = manifest.mail if manifest else MailFacts()
    domain = mail_domain(sender.address)
    findings = {
        MailCheck.SPF: _answered(lambda: _spf(domain, facts)),
        MailCheck.DKIM: _answered(lambda: _dkim(domain, sender.dkim_selector, facts)),
        MailCheck.DMARC: _answered(lambda: _dmarc(domain)),
    }
    return record_mail_checks(sender_id=sender_id, findings=findings, at=datetime.now(UTC), actor=actor)


def check_mail_domains() -> int:
    """Check every e-mail sender, one after the other. Returns how many; one that cannot be checked does not stop the others."""
    ids = list(Sender.objects.filter(channel=ChannelKind.EMAIL).order_by("pk").values_list("pk", flat=True))
    for sender_id in ids:
        check_sender_mail(sender_id=sender_id, actor=DAILY)
    return len(ids)


def _answered(judge: Callable[[], Finding]) -> Finding | None:
    try:
        return judge()
    except TemporaryFailure as error:
        logger.warning("DNS gave no answer", extra={"error": str(error)})
        return None


def _txt_records(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    # By name: the DNS library takes a fifth of a second to load, and only those who check a domain should pay.
    found: dict[str, tuple[str, ...]] = import_string("integrations.dns_records.txt_records")(names)
    return found


def _spf(domain: str, facts: MailFacts) -> Finding:
    domains = tuple(form.format(domain=domain) for form in facts.bounce_domains)
    txt: dict[str, tuple[str, ...]] = {}
    for _round in range(2 * MAX_SPF_LOOKUPS):
        names = spf_names(domains, txt)
        if not names:
            break
        txt |= _txt_records(names)
    return judge_spf(domains, txt)


def _dkim(domain: str, selector: str, facts: MailFacts) -> Finding:
    usual = (*facts.dkim_selectors, *COMMON_SELECTORS)
    txt: dict[str, tuple[str, ...]] = {}
    for name in dkim_names(domain, (selector,) if selector else usual):
        txt |= _txt_records([name])
        found = judge_dkim(domain, selector, usual, txt)
        if found.record:
            break
    return found


def _dmarc(domain: str) -> Finding:
    return judge_dmarc(domain, _txt_records(dmarc_names(domain)))
