"""Our message by the provider's id, for providers whose status events do not carry our reference."""

from django.db import models


class MessageReference(models.Model):
    """Written with the outcome, only where it will be needed, so that the recipient table needs no index of provider ids."""

    sent_on = models.DateField()
    connection_id = models.BigIntegerField()
    provider_message_id = models.TextField()
    recipient_id = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection_id", "provider_message_id", "sent_on"], name="one_reference_per_provider_id"
            )
        ]

    def __str__(self) -> str:
        return self.provider_message_id
