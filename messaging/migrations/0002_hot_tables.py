"""Room on each page of the hot tables for updated rows, and vacuuming by number of rows rather than by share."""

from django.db import migrations

HOT = "fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000, autovacuum_analyze_scale_factor = 0.02"
RESET = "fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_analyze_scale_factor"


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_records")]

    operations = [
        migrations.RunSQL(f"ALTER TABLE {table} SET ({HOT})", f"ALTER TABLE {table} RESET ({RESET})")
        for table in ("messaging_recipient", "messaging_deliveryevent")
    ]
