"""Fallback chains: who is asked next, when nobody is asked any more, and what is written down of it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.urls import reverse
from django.utils.html import escape
from django.utils.translation import gettext

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import AuditEntry, Client, User
from integrations import chains as declared
from integrations.calling.ledger import calling_for
from integrations.calling.policy import Effect
from integrations.capabilities.chain import ChainExhausted, Hop, run_chain
from integrations.chains import Chain
from integrations.errors import (
    AcceptedBefore,
    AuthenticationFailed,
    IntegrationError,
    NotConfigured,
    RateLimited,
    Refused,
    TemporaryFailure,
    UnexpectedResponse,
)
from integrations.models import ChainAttempt, Connection, FallbackChain
from integrations.operations.chains import change_chain, create_chain, prune_chain_attempts, remove_chain
from integrations.registry import manifests
from integrations.states import CallOutcome

ACTOR = Actor.system("test")
LOOKS = Chain("test.looks", "Looks", "messages", ("twilio", "resend", "smtp"), Effect.READS, "a person looks")
SENDS = Chain("test.sends", "Sends", "messages", ("twilio", "resend", "smtp"), Effect.CREATES, "a person sends")
MAIL = Chain("test.mail", "Mail", "messages", ("resend", "smtp"), Effect.READS, "nothing", stops_at=(Refused,))
SURELY_NOT = TemporaryFailure("x", "y", "connect", "no connection", accepted_possible=False)
PERHAPS = TemporaryFailure("x", "y", "timeout", "no complete answer", accepted_possible=True)
LIED = UnexpectedResponse("x", "y", "not_json", accepted_possible=True)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _declarations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared, "_CHAINS", (LOOKS, SENDS, MAIL))


@pytest.fixture
def agency_connections() -> dict[str, Connection]:
    """One of the agency's own for each service."""
    return {slug: Connection.objects.create(service=slug, name=f"Our {slug}") for slug in ("smtp", "twilio", "resend")}


class Script:
    """Answers hop by hop with the given things: raises errors, returns the rest."""

    def __init__(self, *things: object) -> None:
        self.things: Iterator[object] = iter(things)
        self.asked: list[str] = []

    def __call__(self, hop: Hop) -> object:
        self.asked.append(f"{hop.position} {hop.connection.service}")
        thing = next(self.things)
        if isinstance(thing, Exception):
            raise thing
        return thing


def rows(*names: str) -> list[tuple[Any, ...]]:
    return list(ChainAttempt.objects.order_by("pk").values_list(*names))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (SURELY_NOT, CallOutcome.FAILED),
        (PERHAPS, CallOutcome.UNKNOWN),
        (RateLimited("x", "y", retry_after=9), CallOutcome.RATE_LIMITED),
        (Refused("x", "y", "safety"), CallOutcome.REFUSED),
        (AuthenticationFailed("x", "y"), CallOutcome.UNUSABLE),
        (NotConfigured("x", "y", "setting_missing"), CallOutcome.UNUSABLE),
        (UnexpectedResponse("x", "y", "not_json"), CallOutcome.UNEXPECTED),
    ],
)
def test_the_next_is_asked_when_one_has_failed_and_each_attempt_is_a_row(
    agency_connections: dict[str, Connection], error: IntegrationError, outcome: CallOutcome
) -> None:
    script = Script(error, "done")
    with calling_for("A09"):
        completed = run_chain("test.looks", script)
    assert completed.answer == "done"
    assert completed.hop.connection.service == "resend"
    assert completed.failures == (error,)
    assert script.asked == ["1 twilio", "2 resend"]
    assert rows("position", "connection__service", "outcome", "purpose", "code") == [
        (1, "twilio", outcome, "A09", error.code or type(error).__name__),
        (2, "resend", CallOutcome.OK, "A09", ""),
    ]


@pytest.mark.parametrize("error", [PERHAPS, LIED, AcceptedBefore("x", "y")])
def test_what_may_have_been_created_is_asked_of_nobody_else_in_this_run_or_the_next(
    agency_connections: dict[str, Connection], error: IntegrationError
) -> None:
    script = Script(SURELY_NOT, error, "never")
    with pytest.raises(type(error)) as raised:
        run_chain("test.sends", script, key="message:1")
    assert raised.value is error
    assert script.asked == ["1 twilio", "2 resend"]
    assert rows("may_have_happened") == [(False,), (True,)]
    again = Script("never")
    with pytest.raises(TemporaryFailure, match="may_have_happened") as refused:
        run_chain("test.sends", again, key="message:1")
    assert refused.value.accepted_possible
    assert again.asked == []
    assert run_chain("test.sends", Script("another"), key="message:2").answer == "another"


def test_a_process_killed_while_it_asked_leaves_a_trace_that_stops_the_next(
    agency_connections: dict[str, Connection],
) -> None:
    script = Script("never")

    class Killed(BaseException):
        pass

    def dies(hop: Hop) -> str:
        script.asked.append(hop.connection.service)
        raise Killed

    with pytest.raises(Killed):
        run_chain("test.sends", dies, key="message:1")
    assert rows("outcome", "may_have_happened") == [(CallOutcome.UNKNOWN, True)]
    with pytest.raises(TemporaryFailure, match="may_have_happened"):
        run_chain("test.sends", script, key="message:1")
    assert script.asked == ["twilio"]


def test_what_was_surely_not_created_goes_on_and_each_connection_is_asked_once_a_key(
    agency_connections: dict[str, Connection],
) -> None:
    with pytest.raises(ChainExhausted) as exhausted:
        run_chain("test.sends", Script(SURELY_NOT, Refused("x", "y", "bad"), SURELY_NOT), key="message:1")
    assert exhausted.value.may_work_later
    assert len(exhausted.value.failures) == 3
    added = Connection.objects.create(service="evolution", name="New")
    create_chain(actor=ACTOR, name="test.sends", client=None, connections=[agency_connections["smtp"], added])
    script = Script("done")
    assert run_chain("test.sends", script, key="message:1").answer == "done"
    assert script.asked == ["2 evolution"]
    assert len(rows("pk")) == 4


def test_a_chain_that_creates_needs_a_key() -> None:
    with pytest.raises(ValueError, match="key"):
        run_chain("test.sends", Script("never"))


def test_a_declared_error_ends_the_chain(agency_connections: dict[str, Connection]) -> None:
    script = Script(Refused("x", "y", "no_such_address"), "never")
    with pytest.raises(Refused, match="no_such_address"):
        run_chain("test.mail", script)
    assert script.asked == ["1 resend"]


def test_a_defect_of_ours_is_not_passed_on_to_the_next(agency_connections: dict[str, Connection]) -> None:
    script = Script(KeyError("typo"), "never")
    with pytest.raises(KeyError):
        run_chain("test.looks", script)
    assert script.asked == ["1 twilio"]


def test_nobody_to_ask_is_not_configured() -> None:
    with pytest.raises(NotConfigured, match="no_connection"):
        run_chain("test.looks", Script("never"))
    Connection.objects.create(service="resend", name="Off", enabled=False)
    with pytest.raises(NotConfigured, match="no_connection"):
        run_chain("test.looks", Script("never"))


def test_all_without_settings_is_not_configured_and_one_failure_more_is_exhausted(
    agency_connections: dict[str, Connection],
) -> None:
    missing = NotConfigured("x", "y", "setting_missing")
    with pytest.raises(NotConfigured, match="setting_missing"):
        run_chain("test.looks", Script(missing, missing, missing))
    with pytest.raises(ChainExhausted) as exhausted:
        run_chain("test.looks", Script(missing, Refused("x", "y", "safety"), missing))
    assert not exhausted.value.may_work_later


def test_a_clients_own_connection_comes_before_the_agencys_and_never_anothers(
    agency_connections: dict[str, Connection],
) -> None:
    client = Client.objects.create(name="Zanzibar", slug="zanzibar")
    other = Client.objects.create(name="Other", slug="other")
    Connection.objects.create(service="twilio", name="Foreign", client=other)
    own = Connection.objects.create(service="twilio", name="Own", client=client)

    def used(client_id: int | None) -> int:
        return run_chain("test.looks", lambda hop: hop.connection.id, client_id=client_id).answer

    assert used(client.pk) == own.pk
    assert used(None) == agency_connections["twilio"].pk


def test_a_chosen_order_rules_and_a_clients_order_above_it(agency_connections: dict[str, Connection]) -> None:
    client = Client.objects.create(name="Zanzibar", slug="zanzibar")
    smtp, resend, twilio = (agency_connections[slug] for slug in ("smtp", "resend", "twilio"))
    everybody = create_chain(actor=ACTOR, name="test.looks", client=None, connections=[smtp, resend])
    create_chain(actor=ACTOR, name="test.looks", client=client, connections=[resend, twilio])

    def order(client_id: int | None) -> list[str]:
        script = Script(SURELY_NOT, SURELY_NOT, SURELY_NOT)
        with pytest.raises(ChainExhausted):
            run_chain("test.looks", script, client_id=client_id)
        return script.asked

    assert order(None) == ["1 smtp", "2 resend"]
    assert order(client.pk) == ["1 resend", "2 twilio"]
    change_chain(actor=ACTOR, chain_id=everybody.pk, connections=[twilio])
    assert order(None) == ["1 twilio"]
    remove_chain(actor=ACTOR, chain_id=everybody.pk)
    assert order(None) == ["1 twilio", "2 resend", "3 smtp"]
    said = AuditEntry.objects.filter(subject_type="integrations.FallbackChain", subject_id=everybody.pk)
    assert list(said.order_by("pk").values_list("action", flat=True)) == [
        "create_chain",
        "change_chain",
        "remove_chain",
    ]


@pytest.mark.parametrize(
    ("choose", "code", "field"),
    [
        (lambda ours, theirs: [], "chain_empty", "first"),
        (lambda ours, theirs: [ours["smtp"], ours["smtp"]], "hop_twice", "second"),
        (lambda ours, theirs: [ours["smtp"], theirs], "foreign_connection", "second"),
        (lambda ours, theirs: [ours["smtp"], ours["slack"]], "capability_missing", "second"),
        (lambda ours, theirs: [ours["smtp"]] * 5, "chain_long", "fourth"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(
    agency_connections: dict[str, Connection],
    choose: Callable[[dict[str, Connection], Connection], list[Connection]],
    code: str,
    field: str,
) -> None:
    other = Client.objects.create(name="Other", slug="other")
    foreign = Connection.objects.create(service="resend", name="Foreign", client=other)
    slack = Connection.objects.create(service="slack", name="Slack")
    with pytest.raises(InvalidInput) as refused:
        create_chain(
            actor=ACTOR,
            name="test.looks",
            client=None,
            connections=choose({**agency_connections, "slack": slack}, foreign),
        )
    assert (refused.value.code, refused.value.field) == (code, field)
    assert not FallbackChain.objects.exists()


def test_the_database_itself_refuses_a_hop_twice_a_gap_and_a_second_order(
    agency_connections: dict[str, Connection],
) -> None:
    smtp, resend, _twilio = agency_connections["smtp"], agency_connections["resend"], agency_connections["twilio"]
    FallbackChain.objects.create(name="test.mail", first=smtp)
    bad: list[dict[str, Any]] = [
        {"name": "test.looks", "first": smtp, "second": smtp},
        {"name": "test.looks", "first": smtp, "third": resend},
        {"name": "test.mail", "first": resend},
    ]
    for fields in bad:
        with pytest.raises(IntegrityError), transaction.atomic():
            FallbackChain.objects.create(**fields)


@pytest.mark.django_db(transaction=True)
def test_nobody_is_asked_inside_a_transaction(agency_connections: dict[str, Connection]) -> None:
    script = Script("never")
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a database transaction"):
        run_chain("test.looks", script)
    assert script.asked == []
    assert rows("pk") == []


def test_old_attempts_are_deleted(agency_connections: dict[str, Connection], settings: Any) -> None:
    run_chain("test.looks", Script("done"))
    settings.KEEP_DAYS = {**settings.KEEP_DAYS, "chain_attempts": 1}
    assert prune_chain_attempts(limit=10) == 0
    settings.KEEP_DAYS = {**settings.KEEP_DAYS, "chain_attempts": 0}
    assert prune_chain_attempts(limit=10) == 1


def test_an_order_is_chosen_changed_and_removed_in_the_admin(
    agency_connections: dict[str, Connection], client: Browser
) -> None:
    client.force_login(User.objects.create_superuser("root@example.com", "root@example.com", password="irrelevant"))
    smtp, resend = agency_connections["smtp"], agency_connections["resend"]
    add = reverse("admin:integrations_fallbackchain_add")
    refused = client.post(add, {"name": "test.mail", "first": smtp.pk, "second": smtp.pk})
    assert escape(gettext("Each connection stands in a chain once.")) in refused.content.decode()
    given = {"name": "test.mail", "client": "", "first": smtp.pk, "second": "", "third": resend.pk, "fourth": ""}
    assert client.post(add, given).status_code == 302
    chain = FallbackChain.objects.get()
    assert (chain.first, chain.second, chain.third) == (smtp, resend, None)
    listed = client.get(reverse("admin:integrations_fallbackchain_changelist")).content.decode()
    assert "Our smtp → Our resend → nothing" in listed
    page = reverse("admin:integrations_fallbackchain_change", args=(chain.pk,))
    assert client.post(page, {"first": resend.pk, "second": smtp.pk}).status_code == 302
    chain.refresh_from_db()
    assert (chain.first, chain.second) == (resend, smtp)
    remove = reverse("admin:integrations_fallbackchain_change_do", args=(chain.pk, "remove"))
    assert client.post(remove).status_code == 302
    assert not FallbackChain.objects.exists()


def test_every_declared_service_that_exists_offers_what_its_chain_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for chain in declared.chains().values():
        assert (1 if chain.every_connection else 2) <= len(chain.services) <= declared.MOST_HOPS
        offering = {slug for slug, manifest in manifests().items() if chain.capability in manifest.capabilities}
        assert set(chain.services) & set(manifests()) <= offering, chain.name
