"""From whom a message comes, and how much may come from there."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from messaging.states import ChannelKind, SenderState


class Sender(models.Model):
    """One WhatsApp number, mailbox or SMS number. `address` is its identity at the provider (phone number id, instance, number, mailbox).

    Limits are messages per span; empty means no limit of ours. `portfolio` groups WhatsApp numbers that share Meta's limit on distinct
    people per rolling 24 hours. `warm_up` is a list of [day, messages per day] steps counted from `warm_up_from`.
    `mail_checks` is what DNS said of an e-mail sender's domain: {"spf": {"state": "fail", "code": "no_record", "name": …, "record": …,
    "checked_at": …}, "dkim": …, "dmarc": …}.
    """

    client = models.ForeignKey("agency.Client", models.PROTECT, related_name="+", verbose_name=_("client"))
    connection = models.ForeignKey(
        "integrations.Connection", models.PROTECT, related_name="+", verbose_name=_("connection")
    )
    channel = models.SmallIntegerField(_("channel"), choices=ChannelKind.choices)
    name = models.CharField(_("name"), max_length=120)
    address = models.CharField(_("address"), max_length=254)
    state = models.CharField(_("state"), max_length=12, choices=SenderState.choices, default=SenderState.ACTIVE)
    state_why = models.CharField(_("why"), max_length=200, blank=True)
    quality = models.CharField(_("quality"), max_length=20, blank=True)
    per_second = models.PositiveIntegerField(_("per second"), null=True, blank=True)
    per_minute = models.PositiveIntegerField(_("per minute"), null=True, blank=True)
    per_hour = models.PositiveIntegerField(_("per hour"), null=True, blank=True)
    per_day = models.PositiveIntegerField(_("per day"), null=True, blank=True)
    pair_seconds = models.PositiveSmallIntegerField(_("seconds between two messages to one person"), default=6)
    portfolio = models.CharField(_("portfolio"), max_length=64, blank=True)
    portfolio_per_day = models.PositiveIntegerField(_("distinct people per 24 hours"), null=True, blank=True)
    warm_up_from = models.DateField(_("warm-up from"), null=True, blank=True)
    warm_up = models.JSONField(_("warm-up"), default=list, blank=True)
    dkim_selector = models.CharField(_("DKIM selector"), max_length=63, blank=True)
    mail_checks = models.JSONField(_("SPF, DKIM, DMARC"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("sender")
        verbose_name_plural = _("senders")
        ordering = ["client", "name"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "address"], name="one_sender_per_connection_and_address"),
            models.CheckConstraint(
                condition=(Q(per_second__isnull=True) | Q(per_second__gte=1))
                & (Q(per_minute__isnull=True) | Q(per_minute__gte=1)),
                name="sender_rates_are_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SenderPool(models.Model):
    """Senders of one channel that share a campaign's messages."""

    client = models.ForeignKey("agency.Client", models.PROTECT, related_name="+", verbose_name=_("client"))
    name = models.CharField(_("name"), max_length=120)
    channel = models.SmallIntegerField(_("channel"), choices=ChannelKind.choices)
    senders = models.ManyToManyField(Sender, related_name="pools", verbose_name=_("senders"))

    class Meta:
        verbose_name = _("sender pool")
        verbose_name_plural = _("sender pools")
        constraints = [models.UniqueConstraint(fields=["client", "name"], name="one_sender_pool_per_name")]

    def __str__(self) -> str:
        return self.name
