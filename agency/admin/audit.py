"""The audit log."""

from django.apps import apps
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from agency.admin.base import PERSONAL, RecordAdmin
from agency.models import AuditEntry
from agency.selectors.access import visible_audit_entries


@admin.register(AuditEntry)
class AuditEntryAdmin(RecordAdmin):
    """Who did what to which record, and why."""

    visible_to = staticmethod(visible_audit_entries)
    list_select_related = ("client",)
    list_display = ("at", "actor", "action", "record", "client", "why")
    list_filter = ("client",)
    masked_fields = {"before": PERSONAL, "after": PERSONAL}

    @admin.display(description=_("record"), ordering="subject_type")
    def record(self, entry: AuditEntry) -> str:
        """What was changed, as people call it, with its number."""
        try:
            name = str(apps.get_model(entry.subject_type)._meta.verbose_name)
        except (LookupError, ValueError):  # not a model, or one that is gone
            name = entry.subject_type
        return f"{name} {entry.subject_id or ''}".strip()
