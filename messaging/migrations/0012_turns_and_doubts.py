"""Whose turn it is, by an index; since when a message may have been accepted although no answer came."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agency', '0003_audit_indexes'),
        ('messaging', '0011_recipient_without_database_keys'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='recipient',
            name='maybe_sent_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='sendjob',
            index=models.Index(condition=models.Q(('next_wave_at__isnull', False), ('state', 1)), fields=['priority', 'client', 'next_wave_at'], name='job_turn'),
        ),
    ]
