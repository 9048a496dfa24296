"""The audit log."""

from django.contrib import admin

from agency.admin.base import PERSONAL, RecordAdmin
from agency.models import AuditEntry
from agency.selectors.access import visible_audit_entries


@admin.register(AuditEntry)
class AuditEntryAdmin(RecordAdmin):
    """Who did what to which record, and why."""

    visible_to = staticmethod(visible_audit_entries)
    list_select_related = ("client",)
    list_display = ("at", "actor", "action", "subject_type", "subject_id", "client", "why")
    list_filter = ("client",)
    masked_fields = {"before": PERSONAL, "after": PERSONAL}
