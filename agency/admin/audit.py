"""The audit log."""

from datetime import timedelta
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from agency.admin.actions import action_words
from agency.admin.asked import key_of
from agency.admin.base import PERSONAL, RecordAdmin
from agency.models import AuditEntry, User
from agency.selectors.access import visible_audit_entries


class DoerFilter(admin.SimpleListFilter):
    """Whether a person did it (signed in, or by an API token) or the system by itself; the index on persons answers."""

    title = _("who")
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("people", _("people")), ("system", _("the system"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        if self.value() in {"people", "system"}:
            return queryset.filter(user_id__isnull=self.value() == "system")
        return queryset


class PeriodFilter(admin.SimpleListFilter):
    """The last days only, up to the present moment."""

    title = _("time")
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("last 24 hours")), ("7", _("last 7 days")), ("30", _("last 30 days"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        if self.value() in {"1", "7", "30"}:
            return queryset.filter(at__gte=timezone.now() - timedelta(days=int(self.value() or 0)))
        return queryset


def record_labels(word: str) -> list[str]:
    """The kinds of record that people, or programs, call so: "campaign", "campanha", "outreach.Campaign"."""
    wanted = word.casefold()
    return [
        model._meta.label
        for model in apps.get_models()
        if wanted in {str(model._meta.verbose_name).casefold(), model._meta.model_name, model._meta.label_lower}
    ]


@admin.register(AuditEntry)
class AuditEntryAdmin(RecordAdmin):
    """Who did what to which record, and why."""

    visible_to = staticmethod(visible_audit_entries)
    list_select_related = ("client",)
    list_display = ("at", "actor", "done", "record", "client", "why")
    list_filter = ("client", DoerFilter, PeriodFilter)
    fields = ("at", "actor", "done", "record", "client", "before", "after", "why", "action")
    readonly_fields = ("done", "record")
    sortable_by = ()
    masked_fields = {"before": PERSONAL, "after": PERSONAL}
    search_help_text = _("A record with its number, like “campaign 12”, or the whole e-mail address of who did it")

    def search(self, text: str) -> models.Q:
        """One record, as the list names it, or one person; nothing else is looked for, because no index would answer."""
        word, _space, number = text.rpartition(" ")
        key = key_of(number)
        if key is not None:
            return models.Q(subject_type__in=record_labels(word.strip()) or [word], subject_id=key)
        people = User.objects.filter(models.Q(email=text.lower()) | models.Q(username=text))
        return models.Q(user_id__in=list(people.values_list("pk", flat=True)))

    @admin.display(description=_("action"))
    def done(self, entry: AuditEntry) -> str:
        """What was done, in words."""
        return action_words(entry.action)

    @admin.display(description=_("record"))
    def record(self, entry: AuditEntry) -> str:
        """What was changed, as people call it, with its number."""
        try:
            name = str(apps.get_model(entry.subject_type)._meta.verbose_name)
        except (LookupError, ValueError):  # not a model, or one that is gone
            name = entry.subject_type
        return f"{name} {entry.subject_id or ''}".strip()
