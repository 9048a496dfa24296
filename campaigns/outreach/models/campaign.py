"""A message campaign."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.outreach.states import AudienceMode, CampaignState, Recurrence
from messaging.states import ChannelKind, MessageKind


class Campaign(models.Model):
    """Audience → message → when → by whom. An empty segment means every contact of the client with an address on the channel.

    `policy` is a `messaging.rules.policy.SendPolicy` as JSON. `starts_at` with `recurrence` is the schedule; `next_run_at` serves it.
    """

    client = models.ForeignKey("agency.Client", models.PROTECT, related_name="+", verbose_name=_("client"))
    name = models.CharField(_("name"), max_length=160)
    kind = models.SmallIntegerField(_("type"), choices=MessageKind.choices, default=MessageKind.CAMPAIGN)
    channel = models.SmallIntegerField(_("channel"), choices=ChannelKind.choices)
    state = models.CharField(_("state"), max_length=10, choices=CampaignState.choices, default=CampaignState.DRAFT)
    segment = models.ForeignKey(
        "outreach.Segment", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("segment")
    )
    audience_mode = models.CharField(
        _("audience"), max_length=10, choices=AudienceMode.choices, default=AudienceMode.FROZEN
    )
    template = models.ForeignKey("messaging.Template", models.PROTECT, related_name="+", verbose_name=_("template"))
    variables = models.JSONField(_("variables"), default=dict, blank=True)
    senders = models.ManyToManyField("messaging.Sender", blank=True, related_name="+", verbose_name=_("senders"))
    pool = models.ForeignKey(
        "messaging.SenderPool", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("sender pool")
    )
    priority = models.SmallIntegerField(_("priority"), default=3)
    rate_per_hour = models.PositiveIntegerField(_("rate per hour"), null=True, blank=True)
    max_per_day = models.PositiveIntegerField(_("maximum per day"), null=True, blank=True, default=50)
    max_attempts = models.PositiveSmallIntegerField(_("attempts"), default=3)
    policy = models.JSONField(_("sending rules"), default=dict, blank=True)
    starts_at = models.DateTimeField(_("starts"), null=True, blank=True)
    recurrence = models.CharField(_("repeats"), max_length=10, choices=Recurrence.choices, default=Recurrence.ONCE)
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)
    next_run_at = models.DateTimeField(_("next run"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(priority__gte=1, priority__lte=10), name="campaign_priority_1_to_10"
            )
        ]
        indexes = [
            models.Index(fields=["next_run_at"], name="campaign_due", condition=models.Q(next_run_at__isnull=False))
        ]

    def __str__(self) -> str:
        return self.name
