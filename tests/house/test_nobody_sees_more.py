"""Whoever has no grant walks every admin page, every API operation and every consumer, and gets nothing."""

import json
import re
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group
from django.core.cache import cache
from django.test import Client as Browser
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, path, reverse
from django.utils.module_loading import import_string

from agency.admin.base import RecordAdmin
from agency.api.root import api
from agency.models import User
from agency.selectors.access import visible_clients
from agency.states import Role
from tests.worlds import MARK, World, make_employee, make_person, make_token, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    cache.clear()
    make_employee()
    return make_world()


def strangers() -> list[User]:
    """Staff without any grant: one person with every role below director together, and one without a role."""
    everything = make_person("stranger-all")
    everything.groups.set(Group.objects.filter(name__in=set(Role.values) - {Role.DIRECTOR}))
    return [everything, make_person("stranger-none")]


def shown(answer: Any) -> bool:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return re.search(MARK.encode(), content, re.IGNORECASE) is not None


def admin_addresses(model_admin: Any, pk: int) -> list[str]:
    """Every address of one record's admin, filled with a record's key."""
    found = []
    for pattern in model_admin.urls:
        if not pattern.name:
            continue
        names = list(pattern.pattern.converters)
        values = {"object_id": pk, "name": "none"}
        try:
            found.append(reverse(f"admin:{pattern.name}", kwargs={name: values.get(name, pk) for name in names}))
        except NoReverseMatch:
            pytest.fail(f"the walk does not know how to reach {pattern.name}")
    for button in getattr(model_admin, "buttons", ()):
        found.append(reverse(f"admin:{model_admin._url_name('change_do')}", args=(pk, button.name)))
    return found


def test_every_record_in_the_admin_states_who_sees_it() -> None:
    plain = [
        model._meta.label
        for model, model_admin in admin.site._registry.items()
        if not isinstance(model_admin, RecordAdmin)
    ]
    assert plain == []


def test_the_walk_finds_things_when_they_may_be_seen(world: World, client: Browser) -> None:
    client.force_login(make_person("dora", Role.DIRECTOR))
    seen = {
        model._meta.label
        for model, model_admin in admin.site._registry.items()
        if model.objects.exists()  # type: ignore[attr-defined]
        for address in admin_addresses(model_admin, model.objects.order_by("-pk")[0].pk)  # type: ignore[attr-defined]
        if shown(client.get(address))
    }
    assert {"agency.Client", "agency.Employee", "agency.AuditEntry"} <= seen


@pytest.mark.parametrize("method", ["get", "post"])
def test_no_admin_page_shows_a_strangers_client(world: World, method: str) -> None:
    for person in strangers():
        browser = Browser()
        browser.force_login(person)
        assert not visible_clients(person).exists()
        leaks = []
        addresses = ["/admin/", "/admin/search/?s=" + MARK.lower()]
        addresses += [f"/admin/home/{part}/" for part in ("moving", "system", "keys", "nothing")]
        for model, model_admin in admin.site._registry.items():
            record = model._default_manager.order_by("-pk").first()
            addresses += admin_addresses(model_admin, record.pk if record else 1)
            addresses.append(
                reverse(f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_changelist") + "?q=zan"
            )
        for address in addresses:
            answer = getattr(browser, method)(address)
            if answer.status_code >= 500 or shown(answer):
                leaks.append((person.username, address, answer.status_code))
        assert leaks == []


def test_no_autocomplete_offers_a_strangers_client(world: World) -> None:
    for person in strangers():
        browser = Browser()
        browser.force_login(person)
        for model in admin.site._registry:
            for field in model._meta.get_fields():
                if field.is_relation and field.concrete:
                    query = (
                        f"app_label={model._meta.app_label}&model_name={model._meta.model_name}&field_name={field.name}"
                    )
                    assert not shown(browser.get(f"/admin/autocomplete/?{query}"))


def keys_of(world: World) -> dict[str, int]:
    """Keys of the world's records, by the names of the API's path parameters."""
    return {
        "contact_id": world.contact.pk,
        "import_id": world.contact_import.pk,
        "template_id": world.template.pk,
        "sender_id": world.sender.pk,
        "message_id": world.message.pk,
        "campaign_id": world.campaign.pk,
        "execution_id": world.execution.pk,
        "recipient_id": world.recipient.pk,
    }


BODIES: dict[str, Any] = {
    "/contacts": {"client": "zanzibar", "contacts": [{"name": "Eve", "phone": "11 98765-4321"}]},
    "/messages": {"contact": 0, "sender": 0, "text": "hi"},
}


def test_no_api_operation_shows_or_changes_a_strangers_client(world: World) -> None:
    schema = api.get_openapi_schema(path_prefix="/api/v1")
    before = list(type(world.contact).objects.values())
    for person in strangers():
        _token, secret = make_token(person)
        browser = Browser(headers={"Authorization": f"Bearer {secret}", "Idempotency-Key": "k"})
        for template, operations in schema["paths"].items():
            address = template.format(**keys_of(world))
            for method in operations:
                body = BODIES.get(template.removeprefix("/api/v1"), {})
                if "contact" in body:
                    body = {**body, "contact": world.contact.pk, "sender": world.sender.pk}
                answer = browser.generic(method.upper(), address, json.dumps(body), "application/json")
                where = (person.username, method, address, answer.status_code)
                assert not shown(answer), where
                assert answer.status_code in (403, 404, 422) or answer.json() == {"items": [], "next_cursor": ""}, where
                for query in ("?client=zanzibar", f"?contact={world.contact.pk}"):
                    if method == "get":
                        assert not shown(browser.get(address + query)), where
    assert list(type(world.contact).objects.values()) == before


def test_every_api_operation_asks_for_a_token_and_a_scope() -> None:
    for template, operations in api.get_openapi_schema(path_prefix="/api/v1")["paths"].items():
        for method, operation in operations.items():
            assert operation["security"] == [{"TokenAuth": []}], (method, template)


@pytest.mark.django_db(transaction=True)
def test_no_consumer_lets_a_stranger_in(world: World) -> None:
    routes = URLRouter(
        [path(route, import_string(consumer).as_asgi()) for route, consumer in settings.LIVE_PAGES.items()]
    )
    director = make_person("dora", Role.DIRECTOR)
    for route in settings.LIVE_PAGES:
        address = "/" + re.sub(r"<int:(\w+)>", lambda match: str(keys_of(world)[match[1]]), route)
        if "<" in address:  # the address for all that does not exist
            assert not async_to_sync(opens)(routes, "/live/nothing/", director)
            continue
        assert async_to_sync(opens)(routes, address, director)
        for person in (AnonymousUser(), *strangers()):
            assert not async_to_sync(opens)(routes, address, person), (address, person)


async def opens(routes: Any, address: str, person: Any) -> bool:
    """Whether somebody's socket is accepted."""
    scope = {"type": "websocket", "path": address, "headers": [], "user": person}
    socket: Any = ApplicationCommunicator(routes, scope)  # type: ignore[no-untyped-call]
    await socket.send_input({"type": "websocket.connect"})
    answer = await socket.receive_output(timeout=20)
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(timeout=20)
    return str(answer["type"]) == "websocket.accept"


OPEN = {
    "health_integrations",  # without a token: healthy or degraded, nothing else
    "healthz",
    "readyz",
    "metrics",
    "api/openapi.json",
    "account_login",
    "account_logout",
    "account_signup",
    "account_inactive",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "account_confirm_email",
    "account_email_verification_sent",
    "mfa_login_webauthn",
    "invitation",
    "unsubscribe",
}


def test_pages_outside_admin_and_api_ask_who_one_is(world: World, client: Browser) -> None:
    """Whatever is not on the short list above sends somebody unknown to the sign-in page, or does not exist."""
    for name, address in plain_addresses(get_resolver().url_patterns):
        if name in OPEN or address.strip("/") in OPEN or address.startswith(("/admin/", "/api/")):
            continue
        answer = client.get(address)
        assert not shown(answer), address
        assert answer.status_code in (302, 401, 403, 404, 405), (name, address, answer.status_code)


def plain_addresses(patterns: list[Any], prefix: str = "/") -> list[tuple[str, str]]:
    """(name, address) of every pattern, converters filled with 1."""
    found: list[tuple[str, str]] = []
    for pattern in patterns:
        text = prefix + re.sub(r"<[^>]+>", "1", str(pattern.pattern)).lstrip("^").removesuffix("$").removesuffix("\\Z")
        if isinstance(pattern, URLResolver):
            found += plain_addresses(pattern.url_patterns, text)
        elif isinstance(pattern, URLPattern) and "(" not in text:
            found.append((pattern.name or "", text))
    return found
