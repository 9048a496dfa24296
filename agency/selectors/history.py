"""What was done to a record, from the audit log."""

from django.db.models import Model

from agency.models import AuditEntry

LATEST = 12


def latest_entries(record: Model) -> list[AuditEntry]:
    """The record's latest audit entries, newest first. A proxy's are those of the record itself."""
    label = (record._meta.concrete_model or type(record))._meta.label
    return list(AuditEntry.objects.filter(subject_type=label, subject_id=record.pk).order_by("-id")[:LATEST])
