"""Trying a waiting request to a language model again."""

from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from integrations.capabilities.chain import ChainExhausted
from integrations.capabilities.language.tasks import tasks
from integrations.capabilities.language.writing import ask
from integrations.errors import NotConfigured
from integrations.models import ModelRequest
from integrations.operations.model_requests import fail_model_request, finish_model_request
from integrations.states import ModelRequestState


def try_model_request(*, actor: Actor, request_id: int) -> str:
    """Ask every service of the chain once more; returns the title of the one that answered. Raises `OperationRefused` when none could."""
    request = ModelRequest.objects.get(pk=request_id)
    task = tasks().get(request.task)
    if task is None or request.state != ModelRequestState.WAITING:
        raise OperationRefused("not_waiting", _("This request does not wait any more."))
    try:
        written = ask(task, task.question(request.facts), client_id=request.client_id)
    except (ChainExhausted, NotConfigured) as error:
        fail_model_request(actor=actor, request_id=request_id, error=str(error))
        raise OperationRefused("nobody_answered", str(error)) from None
    finish_model_request(
        actor=actor,
        request_id=request_id,
        version=written.version,
        answer=written.content.model_dump(mode="json"),
        service=written.service,
        model=written.model,
    )
    return written.service
