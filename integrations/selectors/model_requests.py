"""Requests to language models that wait for a person, and answers of earlier occasions."""

from django.db.models import QuerySet

from agency.selectors.access import Viewer, only_visible
from integrations.models import ModelRequest
from integrations.states import ModelRequestState


def visible_model_requests(user: Viewer) -> QuerySet[ModelRequest]:
    """Requests for visible clients; the agency's own only for whoever sees everything."""
    return only_visible(ModelRequest.objects.select_related("client"), user)


def answered_request(key: str) -> ModelRequest | None:
    """What came of an occasion, when it is done."""
    return ModelRequest.objects.filter(key=key, state=ModelRequestState.DONE).first()
