"""Requests to language models: held for a person, answered, dropped."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.operations.audit import record_audit
from integrations.models import ModelRequest
from integrations.states import ModelRequestState

SYSTEM = Actor.system("integrations.language")


@transaction.atomic
def hold_model_request(
    *, task: str, version: int, facts: Mapping[str, Any], client_id: int | None, key: str, purpose: str, error: str
) -> ModelRequest:
    """Keep a request that no service was able to answer; the same occasion is one request however often it fails."""
    found = ModelRequest.objects.select_for_update().filter(key=key).first() if key else None
    if found is not None:
        found.state, found.facts, found.version, found.error = (
            ModelRequestState.WAITING,
            dict(facts),
            version,
            error[:300],
        )
        found.save(update_fields=["state", "facts", "version", "error", "changed_at"])
        return found
    held = ModelRequest.objects.create(
        task=task,
        version=version,
        facts=dict(facts),
        client_id=client_id,
        key=key or None,
        purpose=purpose[:40],
        error=error[:300],
    )
    after = {"task": task, "error": held.error}
    record_audit(actor=SYSTEM, action="hold_model_request", subject=held, client=held.client, after=after)
    return held


@transaction.atomic
def answer_model_request(
    *,
    key: str,
    task: str,
    version: int,
    client_id: int | None,
    answer: Mapping[str, Any],
    service: str,
    model: str,
    purpose: str,
) -> None:
    """Keep the answer of an occasion, so that it is asked once. A log of machines unless a person waited for it."""
    request, is_new = ModelRequest.objects.select_for_update().get_or_create(
        key=key,
        defaults={
            "task": task,
            "version": version,
            "client_id": client_id,
            "state": ModelRequestState.DONE,
            "answer": dict(answer),
            "service": service,
            "model": model,
            "purpose": purpose[:40],
        },
    )
    if not is_new and request.state != ModelRequestState.DONE:
        _finish(SYSTEM, request, version, answer, service, model)


@transaction.atomic
def finish_model_request(
    *, actor: Actor, request_id: int, version: int, answer: Mapping[str, Any], service: str, model: str
) -> None:
    """A person tried again and it worked. Raises `OperationRefused` when it does not wait any more."""
    _finish(actor, _waiting(request_id), version, answer, service, model)


@transaction.atomic
def fail_model_request(*, actor: Actor, request_id: int, error: str) -> None:
    """A person tried again in vain."""
    request = _waiting(request_id)
    before, request.error = request.error, error[:300]
    request.save(update_fields=["error", "changed_at"])
    record_audit(
        actor=actor,
        action="fail_model_request",
        subject=request,
        client=request.client,
        before={"error": before},
        after={"error": request.error},
    )


@transaction.atomic
def drop_model_request(*, actor: Actor, request_id: int, why: str = "") -> None:
    """Nobody needs the answer any more; its facts are forgotten."""
    request = _waiting(request_id)
    request.state, request.facts = ModelRequestState.DROPPED, {}
    request.save(update_fields=["state", "facts", "changed_at"])
    record_audit(actor=actor, action="drop_model_request", subject=request, client=request.client, why=why)


@transaction.atomic
def prune_model_requests(*, limit: int) -> int:
    """Delete at most `limit` of the oldest requests that do not wait. Returns how many."""
    before = timezone.now() - timedelta(days=settings.KEEP_DAYS["model_requests"])
    old = ModelRequest.objects.exclude(state=ModelRequestState.WAITING).filter(created_at__lt=before)
    keys = list(old.order_by("created_at").values_list("pk", flat=True)[:limit])
    return ModelRequest.objects.filter(pk__in=keys).delete()[0]


def _waiting(request_id: int) -> ModelRequest:
    request = ModelRequest.objects.select_for_update().get(pk=request_id)
    if request.state != ModelRequestState.WAITING:
        raise OperationRefused("not_waiting", _("This request does not wait any more."))
    return request


def _finish(
    actor: Actor, request: ModelRequest, version: int, answer: Mapping[str, Any], service: str, model: str
) -> None:
    request.state, request.facts, request.error = ModelRequestState.DONE, {}, ""
    request.version, request.answer, request.service, request.model = version, dict(answer), service, model
    request.save()
    after = {"service": service, "model": model}
    record_audit(actor=actor, action="finish_model_request", subject=request, client=request.client, after=after)
