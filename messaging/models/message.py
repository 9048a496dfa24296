"""Messages with a text of their own: inbound ones, and one-to-one outbound ones."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from messaging.states import ChannelKind, Direction


class Message(models.Model):
    """An inbound message, or the text of a one-to-one outbound message whose sending is `recipient_id`."""

    client = models.ForeignKey(
        "agency.Client", models.PROTECT, related_name="+", verbose_name=_("client"), db_index=False
    )
    contact = models.ForeignKey(
        "messaging.Contact", models.CASCADE, null=True, related_name="+", verbose_name=_("contact"), db_index=False
    )
    sender = models.ForeignKey(
        "messaging.Sender", models.PROTECT, null=True, related_name="+", verbose_name=_("sender"), db_index=False
    )
    direction = models.SmallIntegerField(_("direction"), choices=Direction.choices)
    channel = models.SmallIntegerField(_("channel"), choices=ChannelKind.choices)
    address = models.CharField(_("address"), max_length=254, blank=True)
    text = models.TextField(_("text"), blank=True)
    provider_message_id = models.CharField(max_length=200, blank=True)
    recipient_id = models.BigIntegerField(null=True)
    opted_out = models.BooleanField(_("asked to stop"), default=False)
    at = models.DateTimeField(_("at"), db_default=Now())

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(
                fields=["sender", "provider_message_id"],
                name="one_inbound_message_per_provider_id",
                condition=models.Q(direction=1),
            )
        ]
        indexes = [
            models.Index(fields=["client", "-id"], name="message_client"),
            models.Index(fields=["contact", "-id"], name="message_contact"),
        ]

    def __str__(self) -> str:
        return self.text[:60]
