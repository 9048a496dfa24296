"""A person of a client, what the person allowed, and addresses that are never written to."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Now, Upper
from django.utils.translation import gettext_lazy as _

from messaging.states import ChannelKind, ConsentState, SuppressionReason


class Contact(models.Model):
    """Addresses are unique per client: `phone` in E.164, `email` normalised, `whatsapp_id` the provider's user id (a WhatsApp person
    may have no visible phone). `attributes` holds the client's own fields. Empty addresses are NULL."""

    client = models.ForeignKey(
        "agency.Client", models.PROTECT, related_name="+", verbose_name=_("client"), db_index=False
    )
    name = models.CharField(_("name"), max_length=200, blank=True)
    phone = models.CharField(_("phone"), max_length=16, null=True, blank=True)
    email = models.CharField(_("e-mail"), max_length=254, null=True, blank=True)
    whatsapp_id = models.CharField(_("WhatsApp user id"), max_length=64, null=True, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=50, blank=True)
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True, verbose_name=_("tags"))
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    replies = models.IntegerField(_("replies"), default=0, db_default=0)
    last_inbound_at = models.DateTimeField(_("last reply"), null=True, blank=True)
    quiet_until = models.DateTimeField(_("quiet until"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    updated_at = models.DateTimeField(_("updated"), db_default=Now())

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        constraints = [
            models.UniqueConstraint(fields=["client", "phone"], name="one_contact_per_phone"),
            models.UniqueConstraint(fields=["client", "email"], name="one_contact_per_email"),
            models.UniqueConstraint(
                fields=["client", "whatsapp_id"],
                name="one_contact_per_whatsapp_id",
                condition=models.Q(whatsapp_id__isnull=False),
            ),
            models.CheckConstraint(
                condition=models.Q(phone__isnull=False)
                | models.Q(email__isnull=False)
                | models.Q(whatsapp_id__isnull=False),
                name="contact_has_an_address",
            ),
        ]
        indexes = [
            models.Index(fields=["client", "id"], name="contact_client_id"),
            # A name is searched by its beginning, whatever the locale of the database.
            models.Index("client", OpClass(Upper("name"), name="text_pattern_ops"), name="contact_name"),
            GinIndex(fields=["tags"], name="contact_tags", fastupdate=True),
            GinIndex(fields=["attributes"], name="contact_attributes", opclasses=["jsonb_path_ops"], fastupdate=True),
        ]

    def __str__(self) -> str:
        return self.name or self.phone or self.email or f"#{self.pk}"


class Tag(models.Model):
    """The catalogue of a client's tags; contacts carry the names."""

    client = models.ForeignKey("agency.Client", models.CASCADE, related_name="+", verbose_name=_("client"))
    name = models.CharField(_("name"), max_length=60)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        constraints = [models.UniqueConstraint(fields=["client", "name"], name="one_tag_per_name")]

    def __str__(self) -> str:
        return self.name


class Consent(models.Model):
    """The present consent of a contact for a channel, with its proof; earlier statements stay in `history`."""

    contact = models.ForeignKey(
        Contact, models.CASCADE, related_name="consents", verbose_name=_("contact"), db_index=False
    )
    channel = models.SmallIntegerField(_("channel"), choices=ChannelKind.choices)
    state = models.SmallIntegerField(_("state"), choices=ConsentState.choices)
    source = models.CharField(_("source"), max_length=200)
    proof = models.JSONField(_("proof"), default=dict)
    recorded_at = models.DateTimeField(_("recorded"))
    history = models.JSONField(_("history"), default=list)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(fields=["contact", "channel"], name="one_consent_per_contact_and_channel")
        ]
        indexes = [
            models.Index(fields=["channel", "contact"], name="consent_withdrawn", condition=models.Q(state=2)),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()}: {self.get_state_display()}"


class Suppression(models.Model):
    """An address of a client's channel that nothing is sent to."""

    client = models.ForeignKey(
        "agency.Client", models.PROTECT, related_name="+", verbose_name=_("client"), db_index=False
    )
    channel = models.SmallIntegerField(_("channel"), choices=ChannelKind.choices)
    address = models.CharField(_("address"), max_length=254)
    reason = models.CharField(_("reason"), max_length=20, choices=SuppressionReason.choices)
    source = models.CharField(_("source"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now())

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [
            models.UniqueConstraint(
                fields=["client", "channel", "address"], name="one_suppression_per_address_and_channel"
            )
        ]

    def __str__(self) -> str:
        return self.address
