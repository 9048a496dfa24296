"""`Idempotency-Key`: a repeated POST gets the first answer and has no second effect.

The answer is stored in the same transaction as the effect, so either both are there or neither. While the first request runs, a second one with
the same key is refused (409); the same key with another request is a mistake (422). An error answer is not kept: the request may be tried again.
"""

import json
from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from typing import Annotated, Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from ninja import Header, Schema
from ninja.utils import contribute_operation_args
from pydantic import StringConstraints

from agency.api.access import caller
from agency.api.problems import ApiProblem
from agency.models import IdempotencyRecord
from agency.operations.idempotency import keep_answer

Key = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]


def idempotent(view: Callable[..., tuple[int, Schema]]) -> Callable[..., Any]:
    """For API operations that create or start something and return (status, schema). Adds the required header to the operation."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        key = kwargs.pop("idempotency_key")
        user_id, digest = caller(request).pk, request_digest(request)
        with transaction.atomic():
            _lock(user_id, key)
            known = IdempotencyRecord.objects.filter(user_id=user_id, key=key).first()
            if known is not None:
                return _replay(known, digest)
            status, answer = view(request, *args, **kwargs)
            body = answer.model_dump(mode="json", by_alias=True)
            keep_answer(user_id=user_id, key=key, digest=digest, status=status, body=body)
        return _json(status, body)

    contribute_operation_args(wrapper, "idempotency_key", Key, Header(..., alias="Idempotency-Key"))  # type: ignore[type-arg]
    return wrapper


def request_digest(request: HttpRequest) -> str:
    """What makes two requests the same: method, address, fields and the content of files (a multipart boundary is not)."""
    digest = sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if request.content_type == "multipart/form-data":
        for name, values in sorted(request.POST.lists()):
            digest.update(json.dumps([name, values]).encode())
        for name in sorted(request.FILES):
            for file in request.FILES.getlist(name):
                digest.update(json.dumps([name, file.name]).encode())
                for chunk in file.chunks():
                    digest.update(chunk)
                file.seek(0)
    else:
        digest.update(request.body)
    return digest.hexdigest()


def lock_number(user_id: int, key: str) -> int:
    """The advisory lock of one person's key."""
    return int.from_bytes(sha256(f"{user_id} {key}".encode()).digest()[:8], signed=True)


def _lock(user_id: int, key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_number(user_id, key)])
        (free,) = cursor.fetchone()
    if not free:
        raise ApiProblem(409, "in_progress", "The first request with this key is still running.", {"Retry-After": "1"})


def _replay(known: IdempotencyRecord, digest: str) -> HttpResponse:
    if known.digest != digest:
        raise ApiProblem(422, "key_reused", "This Idempotency-Key was used for another request.")
    answer = _json(known.status or 200, known.body)
    answer.headers["Idempotent-Replay"] = "true"
    return answer


def _json(status: int, body: Any) -> HttpResponse:
    return HttpResponse(json.dumps(body, sort_keys=True), status=status, content_type="application/json; charset=utf-8")
