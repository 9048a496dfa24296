"""One webhook delivery as it came in: stored before it is answered, acted upon afterwards."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from integrations.states import InboundState


class InboundEvent(models.Model):
    """Raw body of one verified delivery. Hot table: no foreign key, keys begin with the day received, the state is indexed for open rows only.

    `provider_event_id` is unique within its connection and day; the insert also refuses what came the day before.
    While leased, `lease` names the claim and `leased_until` (database time) its end; a failed try also waits by it.
    """

    received_at = models.DateTimeField(_("received at"), db_default=Now())
    received_on = models.DateField(_("received on"))  # UTC
    service = models.TextField(_("service"))
    connection_id = models.BigIntegerField(_("connection"))
    provider_event_id = models.TextField(_("provider event id"))
    content_type = models.TextField(_("content type"))
    query = models.TextField(_("query"))
    body = models.BinaryField(_("body"))
    state = models.SmallIntegerField(
        _("state"), choices=InboundState.choices, default=InboundState.RECEIVED, db_default=0
    )
    attempt = models.SmallIntegerField(_("attempt"), default=0, db_default=0)
    lease = models.BigIntegerField(null=True)
    leased_until = models.DateTimeField(null=True)
    error = models.TextField(_("error"), null=True)

    class Meta:
        verbose_name = _("inbound event")
        verbose_name_plural = _("inbound events")
        constraints = [
            models.UniqueConstraint(
                fields=["received_on", "connection_id", "provider_event_id"], name="one_inbound_event_per_provider_id"
            )
        ]
        indexes = [
            models.Index(
                fields=["received_on", "id"], name="inbound_event_due", condition=models.Q(state=InboundState.RECEIVED)
            ),
            models.Index(
                fields=["received_on", "id"], name="inbound_event_failed", condition=models.Q(state=InboundState.FAILED)
            ),
        ]
        permissions = [
            ("read_inbound_body", "Can read the body of inbound events"),
            ("replay_inbound_event", "Can replay inbound events"),
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.provider_event_id}"
