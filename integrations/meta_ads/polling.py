"""Asks Meta for what its webhooks may have lost, in the words of the webhooks: disapproved and blocked objects, the account, leads.

Declared as `polls` of the manifest. Status events carry no new value either way, so whoever acts on them reads the object and is
indifferent to hearing of it twice; a lead has the same name both ways and is acted upon once.
"""

from collections.abc import Iterator
from datetime import datetime

from integrations.events import ServiceEvent
from integrations.meta_ads.client import MetaAdsClient
from integrations.meta_ads.occurrences import ACCOUNT_STATUS, LEAD, OBJECT_CHANGED, OBJECT_ISSUES, lead_name
from integrations.meta_ads.records import Ad, AdSet


def changed_objects(client: MetaAdsClient, since: datetime, now: datetime) -> Iterator[ServiceEvent]:
    """Ad sets and ads that changed since a time, whatever it was that changed."""
    for ad_set in client.list_ad_sets(updated_since=since):
        yield from _told("adset", ad_set, since)
    for ad in client.list_ads(updated_since=since):
        yield from _told("ad", ad, since)


def account_status(client: MetaAdsClient, since: datetime, now: datetime) -> Iterator[ServiceEvent]:
    """The account's state, each time it is asked: older documents promise a webhook that does not come."""
    account = client.account()
    yield ServiceEvent(
        kind=ACCOUNT_STATUS,
        occurred_at=now,
        provider_event_id=f"{account.id}:{account.status}:{account.disable_reason}:{now:%Y-%m-%dT%H:%M}",
        subject=account.id.removeprefix("act_"),
        facts={"account_status": str(account.status), "disable_reason": str(account.disable_reason)},
    )


def leads(client: MetaAdsClient, since: datetime, now: datetime) -> Iterator[ServiceEvent]:
    """Leads of every form of the connection's page since a time; none where the connection names no page."""
    page_id = client.page_id
    if not page_id:
        return
    for form in client.list_lead_forms(page_id):
        for lead in client.list_leads(form.id, since=since):
            facts = {"entry": page_id, "page_id": page_id, "form_id": form.id}
            yield ServiceEvent(
                kind=LEAD,
                occurred_at=lead.created_at,
                provider_event_id=lead_name(lead.id),
                subject=lead.id,
                facts=facts | ({"ad_id": lead.ad_id} if lead.ad_id else {}),
            )


def _told(kind: str, found: Ad | AdSet, since: datetime) -> Iterator[ServiceEvent]:
    if found.updated_at < since:
        return
    name = f"{found.id}:{found.effective_status}:{int(found.updated_at.timestamp())}"
    facts = {"object_type": kind, "changed_fields": "effective_status"}
    yield ServiceEvent(OBJECT_CHANGED, found.updated_at, f"polled:{name}", found.id, facts)
    for issue in found.issues:
        facts = {
            "level": issue.level,
            "error_code": issue.code,
            "error_summary": issue.summary,
            "error_message": issue.message,
        }
        yield ServiceEvent(OBJECT_ISSUES, found.updated_at, f"polled:{name}:{issue.code}", found.id, facts)
