"""`doctor` finds the sandbox that the platform uses, though only the platform's own processes are told of it."""

import socket
from typing import Any

import pytest
from django.test import override_settings
from django.utils.translation import override

from agency.kit.health import Health
from integrations.models import Connection
from integrations.sandbox.runner import RunningSandbox
from integrations.selectors.sandbox import check_sandbox

pytestmark = pytest.mark.django_db


def connection(base_url: str, **fields: Any) -> Connection:
    return Connection.objects.create(
        service="whatsapp_cloud", name="WhatsApp", settings={"base_url": base_url}, **fields
    )


@override_settings(SANDBOX_URL="")
def test_connections_that_lead_to_a_sandbox_are_counted(sandbox: RunningSandbox) -> None:
    with override("en"):
        assert check_sandbox().text == "not used: messages go to the real services"
        for _number in range(2):
            connection(sandbox.base_url("whatsapp_cloud"))
        connection(sandbox.base_url("whatsapp_cloud"), enabled=False)
        connection("https://graph.facebook.com")
        found = check_sandbox()
    assert found.health is Health.DEGRADED
    assert found.text == f"{sandbox.url}: messages of 2 enabled connections reach nobody"


@override_settings(SANDBOX_URL="")
def test_a_port_that_nobody_or_somebody_else_has_is_no_sandbox() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        for taken in (silent, closed):
            connection(f"http://127.0.0.1:{taken.getsockname()[1]}/whatsapp_cloud")
        assert check_sandbox().health is Health.OK
