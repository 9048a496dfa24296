"""What all of the API shares: tokens, problem documents, pages, idempotency, limits."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client as Browser
from django.utils import timezone

from agency.api.idempotency import lock_number
from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.models import ApiToken, AuditEntry, Client, IdempotencyRecord
from agency.operations.idempotency import forget_old_answers
from agency.operations.tokens import issue_token, revoke_token, use_token
from agency.states import Role
from messaging.models import Contact
from tests.worlds import make_person, make_token, make_world

pytestmark = pytest.mark.django_db
PEOPLE = {"client": "zanzibar", "contacts": [{"name": "Bia", "phone": "11 98765-4321"}]}


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


class Program:
    """A program with a token."""

    def __init__(self, secret: str) -> None:
        self.browser, self.headers = Browser(), {"Authorization": f"Bearer {secret}"}

    def get(self, path: str) -> Any:
        return self.browser.get(f"/api/v1{path}", headers=self.headers)

    def send(self, method: str, path: str, body: Any, key: str | None = None) -> Any:
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        return self.browser.generic(method, f"/api/v1{path}", json.dumps(body), "application/json", headers=headers)


def program(role: Role = Role.ACCOUNT_MANAGER, **kwargs: Any) -> Program:
    world = make_world()
    return Program(make_token(make_person("ana", role, world.client), **kwargs)[1])


def assert_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(answer.content)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert (body["status"], body["code"], body["type"]) == (status, code, "about:blank")
    return body


def test_a_secret_is_stored_hashed_and_dies_with_revocation_expiry_and_its_person() -> None:
    user = make_person("ana", Role.DIRECTOR)
    token, secret = make_token(user)
    assert secret not in json.dumps(list(ApiToken.objects.values()), default=str)
    assert secret not in json.dumps(list(AuditEntry.objects.values()), default=str)
    found = use_token(secret=secret)
    assert found is not None
    assert found.user.limited_to is None
    assert ApiToken.objects.get(pk=token.pk).last_used_at is not None
    assert use_token(secret=secret + "x") is None

    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())
    assert use_token(secret=secret) is None
    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() + timedelta(days=1))
    user.is_active = False
    user.save()
    assert use_token(secret=secret) is None
    user.is_active = True
    user.save()
    revoke_token(actor=Actor.system("test"), token_id=token.pk)
    assert use_token(secret=secret) is None
    with pytest.raises(OperationRefused):
        revoke_token(actor=Actor.system("test"), token_id=token.pk)


def test_a_token_cannot_reach_further_than_its_person_and_its_clients() -> None:
    first, second = make_world(), make_world("outro", "Outro")
    user = make_person("ana", Role.ACCOUNT_MANAGER, first.client)
    with pytest.raises(InvalidInput) as refusal:
        issue_token(
            actor=Actor.system("test"),
            user=user,
            name="x",
            scopes=["contacts:read"],
            clients=[second.client],
            expires_at=timezone.now() + timedelta(days=1),
        )
    assert refusal.value.field == "clients"
    director = make_person("dora", Role.DIRECTOR)
    limited = Program(make_token(director, second.client)[1])
    assert [row["id"] for row in limited.get("/contacts").json()["items"]] == [second.contact.pk]
    assert limited.get(f"/contacts/{first.contact.pk}").status_code == 404
    # A client that goes leaves a limited token with nothing, not with everything.
    ApiToken.objects.get().clients.clear()
    assert limited.get("/contacts").json()["items"] == []


def test_errors_are_problem_documents() -> None:
    client = Browser()
    problem = client.get("/api/v1/contacts")
    assert_problem(problem, 401, "not_authenticated")
    assert problem.headers["WWW-Authenticate"] == "Bearer"
    assert_problem(client.get("/api/v1/nothing"), 404, "not_found")
    assert_problem(client.get("/api/elsewhere"), 404, "not_found")
    assert_problem(client.delete("/api/v1/contacts"), 405, "method_not_allowed")
    caller = program(scopes=("contacts:read", "contacts:write"))
    assert_problem(caller.get("/templates"), 403, "scope_missing")
    assert_problem(caller.get("/contacts/999999"), 404, "not_found")
    assert_problem(caller.get("/contacts?cursor=abc"), 422, "bad_cursor")
    invalid = assert_problem(caller.get("/contacts?limit=1000"), 422, "invalid_request")
    assert invalid["errors"][0]["field"] == "query.limit"
    assert_problem(caller.send("POST", "/contacts", PEOPLE), 422, "invalid_request")
    broken = caller.browser.post(
        "/api/v1/contacts", "{", "application/json", headers=caller.headers | {"Idempotency-Key": "k"}
    )
    assert_problem(broken, 400, "bad_request")
    huge = caller.send("POST", "/contacts", {"x": "y" * 11_000_000}, key="k")
    assert_problem(huge, 413, "too_large")


def test_a_role_without_the_permission_is_refused_and_personal_data_is_masked() -> None:
    caller = program(Role.READ_ONLY)
    assert_problem(caller.send("POST", "/contacts", PEOPLE, key="k"), 403, "permission_missing")
    (row,) = caller.get("/contacts").json()["items"]
    assert (row["name"], row["email"]) == ("Z. S.", "z•••@zanzibar.com.br")
    assert row["phone"].startswith("+55•••")
    assert row["attributes"] == {"city": "•••"}
    assert caller.get("/contacts?email=zanzibar@zanzibar.com.br").json()["items"] == []


def test_lists_are_paged_by_key() -> None:
    caller = program()
    loja = Client.objects.get()
    made = [Contact.objects.create(client=loja, email=f"p{number}@example.com").pk for number in range(5)]
    seen, cursor = [], ""
    for _page in range(3):
        body = caller.get(f"/contacts?limit=2&cursor={cursor}").json()
        seen += [row["id"] for row in body["items"]]
        cursor = body["next_cursor"]
    assert seen[:5] == sorted(made, reverse=True)
    assert (len(seen), cursor) == (6, "")


def test_repeating_a_post_gives_the_first_answer_and_no_second_effect() -> None:
    caller = program()
    first = caller.send("POST", "/contacts", PEOPLE, key="order-1")
    assert (first.status_code, first.json()["created"]) == (200, 1)
    entries = AuditEntry.objects.count()
    again = caller.send("POST", "/contacts", PEOPLE, key="order-1")
    assert (again.content, again.headers["Idempotent-Replay"]) == (first.content, "true")
    assert AuditEntry.objects.count() == entries
    other = {**PEOPLE, "contacts": [{"email": "c@example.com"}]}
    assert_problem(caller.send("POST", "/contacts", other, key="order-1"), 422, "key_reused")
    assert Contact.objects.filter(email="c@example.com").count() == 0
    assert caller.send("POST", "/contacts", PEOPLE, key="order-2").json()["unchanged"] == 1


def test_a_refused_post_may_be_tried_again_with_its_key() -> None:
    caller = program()
    missing = {**PEOPLE, "client": "nobody"}
    assert_problem(caller.send("POST", "/contacts", missing, key="k"), 404, "not_found")
    assert not IdempotencyRecord.objects.exists()
    assert caller.send("POST", "/contacts", PEOPLE, key="k").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_concurrent_duplicate_is_refused() -> None:
    caller = program()
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        user_id = ApiToken.objects.get().user_id
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_number(user_id, "k")])
            holding.set()
            done.wait(20)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert holding.wait(20)
    try:
        answer = caller.send("POST", "/contacts", PEOPLE, key="k")
        assert_problem(answer, 409, "in_progress")
        assert answer.headers["Retry-After"] == "1"
    finally:
        done.set()
        holder.join()
    assert caller.send("POST", "/contacts", PEOPLE, key="k").status_code == 200


def test_a_token_may_ask_only_so_often(settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    caller = program()
    assert [caller.get("/senders").status_code for _request in range(2)] == [200, 200]
    answer = caller.get("/senders")
    assert_problem(answer, 429, "too_many_requests")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_answers_are_forgotten_after_a_week() -> None:
    caller = program()
    caller.send("POST", "/contacts", PEOPLE, key="old")
    caller.send("POST", "/contacts", PEOPLE, key="new")
    IdempotencyRecord.objects.filter(key="old").update(created_at=timezone.now() - timedelta(days=7, seconds=1))
    assert forget_old_answers(limit=10) == 1
    assert list(IdempotencyRecord.objects.values_list("key", flat=True)) == ["new"]
