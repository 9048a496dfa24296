"""The WebSocket of a run: who may listen, what is sent, when it ends."""

from typing import Any

import pytest
from asgiref import testing
from asgiref.sync import async_to_sync, sync_to_async
from channels.routing import URLRouter
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.urls import path
from django.utils.module_loading import import_string

from agency.models import ClientGrant
from agency.states import Role
from campaigns.outreach import consumers
from campaigns.outreach.operations.executions import cancel_campaign, start_campaign
from campaigns.outreach.operations.preparing import prepare_execution
from tests.outreach.conftest import ACTOR, Agency
from tests.worlds import make_person

pytestmark = pytest.mark.django_db


def listen(user: Any, address: str) -> Any:
    """A browser's socket to our live pages."""
    routes = [path(route, import_string(name).as_asgi()) for route, name in settings.LIVE_PAGES.items()]
    where, _, query = address.partition("?")
    scope = {"type": "websocket", "path": f"/{where}", "query_string": query.encode(), "headers": [], "user": user}
    communicator: Any = testing.ApplicationCommunicator
    return communicator(URLRouter(routes), scope)


async def answer(user: Any, address: str) -> tuple[Any, dict[str, Any]]:
    """Connect, and what comes first."""
    socket = listen(user, address)
    await socket.send_input({"type": "websocket.connect"})
    return socket, await socket.receive_output(10)


async def last(socket: Any) -> tuple[str, dict[str, Any]]:
    """The last fragment before the socket is closed, and the closing."""
    fragment = ""
    while (output := await socket.receive_output(10))["type"] == "websocket.send":
        fragment = output["text"]
    return fragment, output


async def leave(socket: Any) -> None:
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(10)


def test_the_live_page(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    # the test's own transaction is what the consumer must see
    monkeypatch.setattr("channels.db.close_old_connections", lambda: None)
    monkeypatch.setattr(consumers, "EVERY", 0.05)
    monkeypatch.setattr(consumers, "RECHECK", 2)
    agency.people(2)
    execution = start_campaign(campaign_id=agency.campaign().pk, actor=ACTOR)
    prepare_execution(execution_id=execution.pk)
    manager = make_person("ana", Role.ACCOUNT_MANAGER, agency.client)
    stranger = make_person("rui", Role.ACCOUNT_MANAGER)
    address = f"live/executions/{execution.pk}/?language=en"

    async def talk() -> None:
        nobody, nothing = AnonymousUser(), f"live/executions/{execution.pk + 1}/"
        for user, wanted, code in (
            (nobody, address, 4403),
            (stranger, address, 4403),
            (manager, nothing, 4403),
            (manager, "live/x/", 4404),
        ):
            assert (await answer(user, wanted))[1] == {"type": "websocket.close", "code": code}

        socket, opened = await answer(manager, address)
        assert opened["type"] == "websocket.accept"
        fragment = (await socket.receive_output(10))["text"]
        assert "of 2 people" in fragment and "running" in fragment
        # a grant that is taken away ends the conversation
        await sync_to_async(ClientGrant.objects.filter(user=manager).delete)()
        assert (await last(socket))[1]["code"] == 4403
        await leave(socket)

        await sync_to_async(ClientGrant.objects.create)(user=manager, client=agency.client)
        socket, _ = await answer(manager, address)
        await socket.receive_output(10)
        await sync_to_async(cancel_campaign)(campaign_id=execution.campaign_id, actor=ACTOR)
        fragment, closed = await last(socket)
        assert "cancelled" in fragment and closed["code"] == 1000
        await leave(socket)

    async_to_sync(talk)()
