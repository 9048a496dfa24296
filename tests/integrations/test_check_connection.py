"""Testing connections: never inside a transaction, from the command line, and with the result kept."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction

from agency.kit.actor import Actor
from agency.models import AuditEntry
from integrations.calling.calls import refuse_inside_transaction
from integrations.health import HealthState
from integrations.models import Connection
from integrations.operations.connections import create_connection
from integrations.runners.check_connection import check_connection
from integrations.sandbox.runner import RunningSandbox

ACTOR = Actor.system("test")


def resend(sandbox: RunningSandbox, key: str = "re_sandbox") -> Connection:
    return create_connection(
        actor=ACTOR,
        service="resend",
        name="Mail",
        settings={"base_url": sandbox.base_url("resend")},
        secrets={"api_key": key, "webhook_secret": "whsec_c2VjcmV0"},
    )


@pytest.mark.django_db
def test_a_service_is_not_called_inside_a_transaction() -> None:
    refuse_inside_transaction()
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a database transaction"):
        check_connection(actor=ACTOR, connection_id=1)


@pytest.mark.django_db
def test_only_a_changed_result_is_audited(sandbox: RunningSandbox) -> None:
    connection = resend(sandbox)
    checks = AuditEntry.objects.filter(action="check_connection", subject_id=connection.pk)
    assert check_connection(actor=ACTOR, connection_id=connection.pk).state is HealthState.OK
    assert check_connection(actor=ACTOR, connection_id=connection.pk).state is HealthState.OK
    assert [entry.after["health"] for entry in checks] == ["ok"]
    sandbox.control.add_fault("cut_before", service="resend")  # each attempt: one alone is made good by the next
    assert check_connection(actor=ACTOR, connection_id=connection.pk).state is HealthState.FAILED
    assert [entry.after["health"] for entry in checks.order_by("pk")] == ["ok", "failed"]


@pytest.mark.django_db
def test_the_command_names_what_does_not_work(sandbox: RunningSandbox) -> None:
    Connection.objects.filter(enabled=True).update(enabled=False)  # those of other tests
    resend(sandbox)
    output = StringIO()
    call_command("check_integrations", stdout=output)
    assert "Mail (resend): ok" in output.getvalue()
    resend(sandbox, key="re_wrong")
    errors = StringIO()
    with pytest.raises(CommandError, match=r"^1 problem"):
        call_command("check_integrations", stdout=StringIO(), stderr=errors)
    assert "Mail (resend): " in errors.getvalue() and "re_wrong" not in errors.getvalue()
