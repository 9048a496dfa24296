from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The audit log is searched by person and narrowed by time; it goes on being written while the indexes are built."""

    atomic = False

    dependencies = [
        ("agency", "0002_own_permissions_and_limited_tokens"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="auditentry",
            index=models.Index(fields=["user_id", "id"], name="audit_person"),
        ),
        AddIndexConcurrently(
            model_name="auditentry",
            index=models.Index(fields=["at"], name="audit_at"),
        ),
    ]
