"""What a provider told us about a message."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.states import RecipientState


class DeliveryEvent(models.Model):
    """One status of one message. Hot table: keys begin with the day received. `recipient_id` is NULL while the message it speaks of is
    not known by that provider id yet; such events are applied as soon as it is."""

    received_on = models.DateField(_("received"))
    connection_id = models.BigIntegerField()
    provider_event_id = models.TextField()
    provider_message_id = models.TextField()
    job_id = models.BigIntegerField(null=True)
    recipient_id = models.BigIntegerField(null=True)
    state = models.SmallIntegerField(_("state"), choices=RecipientState.choices)
    occurred_at = models.DateTimeField(_("occurred"))
    code = models.TextField(_("error code"), null=True)

    class Meta:
        verbose_name = _("delivery event")
        verbose_name_plural = _("delivery events")
        constraints = [
            models.UniqueConstraint(
                fields=["received_on", "connection_id", "provider_event_id"], name="one_delivery_event_per_provider_id"
            )
        ]
        indexes = [
            models.Index(
                fields=["connection_id", "provider_message_id"],
                name="delivery_event_early",
                condition=models.Q(recipient_id__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.provider_event_id
