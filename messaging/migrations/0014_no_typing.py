"""A sender loses the setting that nothing reads."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("messaging", "0013_careful_waves")]

    operations = [migrations.RemoveField(model_name="sender", name="typing")]
