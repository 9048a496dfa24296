"""Keeping what searches found, and questions for a person. What is kept is a provider's answer; a person's own answer is audited."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import OperationRefused
from agency.models import Client
from agency.operations.alerts import clear_alert, raise_alert
from agency.operations.audit import record_audit
from agency.states import AlertSeverity
from integrations.models import ManualSearch, SearchAnswer

Row = Mapping[str, Any]
SYSTEM = Actor.system("integrations.search")


@transaction.atomic
def keep_answer(*, digest: str, engine: str, question: Mapping[str, Any], rows: Sequence[Row], now: datetime) -> None:
    """Keep what was found; a newer answer to the same question replaces the older, and nobody need search by hand any more."""
    SearchAnswer.objects.update_or_create(
        digest=digest,
        defaults={"engine": engine, "question": dict(question), "rows": [dict(row) for row in rows], "asked_at": now},
    )
    for waiting in ManualSearch.objects.select_for_update(of=("self",)).filter(digest=digest, answered_at=None):
        waiting.answered_at = now
        waiting.save(update_fields=["answered_at"])
        clear_alert(actor=SYSTEM, key=_alert(waiting))


@transaction.atomic
def ask_person(
    *, actor: Actor, digest: str, engine: str, question: Mapping[str, Any], client: Client | None, now: datetime
) -> ManualSearch:
    """Put a question on the list of searches by hand, once, and tell people."""
    waiting, _is_new = ManualSearch.objects.get_or_create(
        digest=digest,
        answered_at=None,
        defaults={"engine": engine, "question": dict(question), "client": client, "asked_at": now},
    )
    raise_alert(
        actor=actor,
        key=_alert(waiting),
        severity=AlertSeverity.WARNING,
        title=_("Search by hand: %(question)s") % {"question": question.get("query", "")},
        text=f"{engine}: " + ", ".join(f"{name}={value}" for name, value in question.items()),
        todo=_(
            "No search service answers. Search for it yourself, and enter what you find with manage.py answer_search."
        ),
        subject=waiting,
        client=client,
    )
    return waiting


@transaction.atomic
def answer_search(*, actor: Actor, search_id: int, rows: Sequence[Row]) -> ManualSearch:
    """A person has searched: the rows become the answer to the question. Raises `OperationRefused` when it is answered already."""
    search = ManualSearch.objects.select_for_update(of=("self",)).get(pk=search_id)
    if search.answered_at is not None:
        raise OperationRefused("answered_already", _("This search has been answered."))
    now = timezone.now()
    search.answered_at, search.rows = now, [dict(row) for row in rows]
    search.save(update_fields=["answered_at", "rows"])
    keep_answer(digest=search.digest, engine=search.engine, question=search.question, rows=rows, now=now)
    clear_alert(actor=actor, key=_alert(search))
    record_audit(
        actor=actor, action="answer_search", subject=search, client=search.client, after={"rows": len(search.rows)}
    )
    return search


@transaction.atomic
def prune_search_answers(*, limit: int) -> int:
    """Delete at most `limit` answers that are too old even to stand in. Returns how many."""
    oldest = timezone.now() - timedelta(days=settings.KEEP_DAYS["search_answers"])
    old = SearchAnswer.objects.filter(asked_at__lt=oldest).order_by("asked_at").values("pk")[:limit]
    return SearchAnswer.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]


def _alert(search: ManualSearch) -> str:
    return f"search:{search.digest[:32]}"
