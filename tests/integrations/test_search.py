"""Searching: memory for a day, the service, an old answer marked stale, a person."""

import io
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from agency.models import Alert, AuditEntry
from integrations.calling import gate
from integrations.capabilities.search import search
from integrations.connections import facts_of, seal_secrets
from integrations.errors import RateLimited
from integrations.http import HttpResponse
from integrations.models import Connection, ManualSearch, SearchAnswer
from integrations.operations.searches import prune_search_answers
from integrations.sandbox.runner import RunningSandbox
from integrations.serpapi.client import Account, build
from tests.worlds import make_world

SAMPLES = Path(__file__).parents[1] / "payloads" / "serpapi"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_gate() -> Iterator[None]:
    gate.forget_connections()
    for key in gate._client().scan_iter("calls:*"):
        gate._client().delete(key)
    yield
    gate.forget_connections()


@pytest.fixture
def account(sandbox: RunningSandbox) -> Connection:
    return Connection.objects.create(
        service="serpapi",
        name="Searches",
        settings={"base_url": sandbox.base_url("serpapi")},
        sealed_secrets=seal_secrets({"api_key": "sandbox-serpapi-key"}),
    )


def asked(sandbox: RunningSandbox) -> int:
    """How many searches the account has paid for."""
    return int(sandbox.control.accounts()["serpapi"][0]["used"])


def grow_old(hours: float) -> None:
    SearchAnswer.objects.update(asked_at=timezone.now() - timedelta(hours=hours))


def test_the_same_question_costs_one_search_a_day(account: Connection, sandbox: RunningSandbox) -> None:
    first = search("pages", query="padaria")
    assert (len(first.rows), first.is_stale, first.waits_for_person) == (10, False, False)
    assert first.rows[0]["title"] == "padaria 1"
    assert search("pages", query="padaria").rows == first.rows
    assert search("pages", query="outra").rows != first.rows
    assert asked(sandbox) == 2
    grow_old(23.9)
    search("pages", query="padaria")
    assert asked(sandbox) == 2
    grow_old(24.1)
    assert not search("pages", query="padaria").is_stale
    assert asked(sandbox) == 3


@pytest.mark.parametrize(
    ("engine", "question"),
    [
        ("maps", {"query": "padaria", "latitude": -23.5, "longitude": -46.6}),
        ("news", {"query": "padaria"}),
        ("shopping", {"query": "forno"}),
        ("profiles", {"query": "dentista"}),
    ],
)
def test_every_engine_is_asked_and_kept(account: Connection, engine: str, question: dict[str, Any]) -> None:
    assert len(search(engine, **question).rows) == 10
    assert SearchAnswer.objects.get().engine == engine


def test_nothing_found_is_an_answer(account: Connection, sandbox: RunningSandbox) -> None:
    assert search("pages", query="nada").rows == ()
    assert not search("pages", query="nada").waits_for_person
    assert asked(sandbox) == 1


def test_an_old_answer_stands_in_and_says_so(account: Connection, sandbox: RunningSandbox) -> None:
    fresh = search("pages", query="padaria")
    grow_old(48)
    sandbox.control.add_fault("refuse", service="serpapi", code="out_of_searches")
    stale = search("pages", query="padaria")
    assert (stale.rows, stale.is_stale, stale.waits_for_person) == (fresh.rows, True, False)
    assert stale.asked_at is not None
    assert stale.asked_at < timezone.now() - timedelta(hours=47)


def test_what_nobody_answers_a_person_does(
    account: Connection, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_world().client
    sandbox.control.add_fault("refuse", service="serpapi", code="unauthorized")
    result = search("pages", client=client, query="padaria")
    assert (result.rows, result.waits_for_person) == ((), True)
    assert search("pages", client=client, query="padaria").manual_search_id == result.manual_search_id
    waiting = ManualSearch.objects.get()
    assert (waiting.client, waiting.question) == (client, {"query": "padaria"})
    alert = Alert.objects.get(subject_id=waiting.pk, subject_type="integrations.ManualSearch")
    assert (alert.client, alert.times_seen) == (client, 2)

    said = StringIO()
    call_command("answer_search", stdout=said)
    assert said.getvalue().startswith(f'{waiting.pk}  pages  {{"query":"padaria"}}')
    monkeypatch.setattr("sys.stdin", io.StringIO("{}"))
    with pytest.raises(CommandError, match="JSON list"):
        call_command("answer_search", waiting.pk)
    monkeypatch.setattr("sys.stdin", io.StringIO('[{"title": "Padaria Aurora", "link": "https://aurora.example"}]'))
    call_command("answer_search", waiting.pk, stdout=said)
    alert.refresh_from_db()
    assert alert.cleared_at is not None
    assert AuditEntry.objects.filter(action="answer_search", client=client).count() == 1
    assert search("pages", client=client, query="padaria").rows[0]["title"] == "Padaria Aurora"
    monkeypatch.setattr("sys.stdin", io.StringIO("[]"))
    with pytest.raises(CommandError):
        call_command("answer_search", waiting.pk)


def test_a_service_that_works_again_relieves_the_person(account: Connection, sandbox: RunningSandbox) -> None:
    with sandbox.control.fault("refuse", service="serpapi", code="unauthorized"):
        search("pages", query="padaria")
    assert Alert.objects.filter(cleared_at=None).count() == 1
    assert len(search("pages", query="padaria").rows) == 10
    assert ManualSearch.objects.get().answered_at is not None
    assert not Alert.objects.filter(cleared_at=None).exists()


def test_the_account_says_what_is_left_and_the_gate_believes_it(account: Connection, sandbox: RunningSandbox) -> None:
    sandbox.control.open_account("serpapi", api_key="sandbox-serpapi-key", monthly=10, used=10)
    client = build(facts_of(account))
    try:
        assert client.account().left == 0
        with pytest.raises(RateLimited) as limited:
            client.search("padaria")
        assert limited.value.code == "quota_month"
        assert client.account().left == 0  # looking is free, also when nothing is left
        assert asked(sandbox) == 10
    finally:
        client.close()
        sandbox.control.open_account("serpapi", api_key="sandbox-serpapi-key")


def test_answers_too_old_to_stand_in_are_removed(account: Connection) -> None:
    search("pages", query="a")
    grow_old(24 * 91)
    search("pages", query="b")
    assert prune_search_answers(limit=10) == 1
    assert SearchAnswer.objects.get().question == {"query": "b"}


def test_the_vendors_own_samples_are_understood(account: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    client = build(facts_of(account))
    samples: list[str] = []

    def answer(method: str, path: str, *, operation: str, **given: Any) -> HttpResponse:
        return HttpResponse("serpapi", operation, 200, {}, (SAMPLES / samples.pop()).read_bytes())

    monkeypatch.setattr(client._http, "request", answer)
    samples += ["account.json", "no_results.json", "google.json"]
    first, second = client.search("Coffee")
    assert (first.title, first.link, first.position) == ("Coffee", "https://en.wikipedia.org/wiki/Coffee", 1)
    assert second.snippet == ""
    assert client.search("sdfkjh") == []
    assert client.account() == Account(monthly=30_000, left=5_958, hourly=6_000, this_hour=11)
    client.close()
