"""Where task results live: chords and waiting callers in Redis, results that a person may read in django-celery-results.

django-celery-results' own chord counter loses a chord when one part is delivered twice, and manages a fifth of Redis' rate; so chord parts
never touch it. Most engine tasks ignore their result and cost nothing here.
"""

from typing import Any

from celery.backends.redis import RedisBackend
from celery.states import EXCEPTION_STATES
from django.apps import apps

from agency.kit.secrecy import without_known, without_secrets


class ResultStore(RedisBackend):
    """Celery's Redis backend that also files the result of a task outside any chord as a `TaskResult` row. Errors are kept without secrets."""

    def _store_result(
        self, task_id: str, result: Any, state: str, traceback: Any = None, request: Any = None, **kwargs: Any
    ) -> Any:
        traceback = without_secrets(traceback) if traceback else None
        if state in EXCEPTION_STATES:
            text: Any = self.encode(result)  # JSON; the stubs say bytes
            kept: Any = without_known(text)
            result = self.decode(kept)
        redis_backend: Any = super()  # the stubs leave out what a backend is extended by
        stored = redis_backend._store_result(task_id, result, state, traceback=traceback, request=request, **kwargs)
        if request is not None and not request.group and not request.chord:
            results: Any = apps.get_model("django_celery_results", "TaskResult")._default_manager
            results.store_result(
                content_type="application/json",
                content_encoding="utf-8",
                task_id=task_id,
                result=self.encode(result),
                status=state,
                traceback=traceback,
                task_name=getattr(request, "task", None),
                worker=getattr(request, "hostname", None),
            )
        return stored
