"""What webhooks lose is asked for, as manifests declare it: when due, from when it was asked last, for each connection by itself."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from agency.kit.actor import Actor
from integrations.events import ReceivedFact, ReceivedServiceEvent
from integrations.models import Connection
from integrations.operations.connections import create_connection
from integrations.runners.polling import poll_services
from integrations.sandbox.runner import RunningSandbox
from tests.integrations.services.meta_ads_examples import PAGE, SECRETS, SETTINGS, made

pytestmark = pytest.mark.django_db


def connect(sandbox: RunningSandbox, **secrets: str) -> Connection:
    """A connection to the sandbox's ad account."""
    return create_connection(
        actor=Actor.system("tests"),
        service="meta_ads",
        name="Loja",
        client=None,
        settings={**SETTINGS, "page_id": PAGE, "base_url": sandbox.base_url("meta_ads")},
        secrets={**SECRETS, **secrets},
    )


class Receivers:
    """What was given to the receivers."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def __call__(self, facts: Sequence[ReceivedFact]) -> None:
        for fact in facts:
            assert isinstance(fact, ReceivedServiceEvent)
            assert (fact.inbound_event_id, fact.service) == (0, "meta_ads")
            self.heard.append((fact.event.kind, fact.event.subject))


def test_what_is_due_is_asked_for_and_told(sandbox: RunningSandbox) -> None:
    connection = connect(sandbox)
    cache.delete_many([f"polled:{connection.pk}:{ask}" for ask in ("account_status", "leads", "changed_objects")])
    sandbox.control.happen("meta_ads", "ad_disapproved", ad=made(6))
    lead = sandbox.control.happen("meta_ads", "lead")["id"]
    account = ("meta_ads.account_status", "1000000000000001")
    receivers = Receivers()
    assert poll_services(receivers) == 3
    assert receivers.heard == [account, ("meta_ads.lead", lead), ("meta_ads.object_changed", made(6))]
    assert poll_services(receivers) == 0  # nothing is due
    cache.set(f"polled:{connection.pk}:account_status", timezone.now() - timedelta(minutes=15))
    assert poll_services(receivers) == 1
    assert receivers.heard[3:] == [account]


def test_a_connection_in_trouble_is_asked_again_and_harms_no_other(sandbox: RunningSandbox) -> None:
    broken, good = connect(sandbox, access_token="revoked"), connect(sandbox)
    cache.delete_many([f"polled:{each.pk}:account_status" for each in (broken, good)])
    for each in (broken, good):
        for ask in ("leads", "changed_objects"):
            cache.set(f"polled:{each.pk}:{ask}", timezone.now())
    receivers = Receivers()
    assert poll_services(receivers) == 1
    assert cache.get(f"polled:{broken.pk}:account_status") is None
    assert cache.get(f"polled:{good.pk}:account_status") is not None
