"""The other sides' table as a model."""

from django.db import models


class Message(models.Model):
    """One person to be sent one message. `state` 0 waits, 2 is sent."""

    id = models.BigIntegerField(primary_key=True)
    name = models.TextField()
    phone = models.TextField()
    state = models.SmallIntegerField(default=0)
    provider_id = models.TextField(null=True)
    sent_at = models.DateTimeField(null=True)

    objects: models.Manager["Message"] = models.Manager()

    class Meta:
        managed = False
        db_table = "bench_message"

    def __str__(self) -> str:
        return str(self.pk)
