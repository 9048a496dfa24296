"""Requests to language models: those that wait for a person are tried again or dropped here."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agency.admin.base import PERSONAL, RecordAdmin
from agency.admin.buttons import OperationButton, calls, in_state
from agency.admin.forms import OptionalWhyForm
from agency.kit.actor import Actor
from integrations.capabilities.language.tasks import tasks
from integrations.models import ModelRequest
from integrations.operations.model_requests import drop_model_request
from integrations.runners.model_requests import try_model_request
from integrations.selectors.model_requests import visible_model_requests
from integrations.states import ModelRequestState

CHANGE = "integrations.change_modelrequest"


def _try(actor: Actor, request: ModelRequest, answers: Mapping[str, Any]) -> str:
    return _("Answered by %(service)s.") % {"service": try_model_request(actor=actor, request_id=request.pk)}


@admin.register(ModelRequest)
class ModelRequestAdmin(RecordAdmin):
    """Answers of occasions, and requests that wait."""

    visible_to = staticmethod(visible_model_requests)
    list_select_related = ("client",)
    list_display = ("created_at", "title", "client", "state", "service", "model", "error", "purpose")
    list_filter = ("state", "client")
    masked_fields = {"facts": PERSONAL, "answer": PERSONAL}
    fields = (
        "created_at",
        "title",
        "version",
        "client",
        "state",
        "error",
        "service",
        "model",
        "purpose",
        "key",
        "facts",
        "answer",
    )
    buttons = (
        OperationButton(
            "try-again", gettext_lazy("Try again"), CHANGE, run=_try, shown=in_state(ModelRequestState.WAITING)
        ),
        OperationButton(
            "drop",
            gettext_lazy("Drop"),
            CHANGE,
            run=calls(
                drop_model_request, "request_id", gettext_lazy("The request is dropped and its facts are forgotten.")
            ),
            form=OptionalWhyForm,
            shown=in_state(ModelRequestState.WAITING),
        ),
    )

    @admin.display(description=gettext_lazy("task"), ordering="task")
    def title(self, request: ModelRequest) -> str:
        """The task in words."""
        task = tasks().get(request.task)
        return request.task if task is None else str(task.title)
