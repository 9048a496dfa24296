"""A send job: one bounded piece of sending, its waves and its totals."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from messaging.states import ChannelKind, JobState, MessageKind, Reason, RecipientState, WaveState


class SendJob(models.Model):
    """Who wants to send opens one of these and adds recipients to it.

    `sender_ids` are the senders it may use. `policy` is a `messaging.rules.policy.SendPolicy` as JSON (window, blackout, zones, caps).
    `audience` names the check that each claim asks whether a person still belongs (`messaging.kit.audiences`); empty: the audience is fixed.
    `variables` are values for the template beyond the contact's own. `text` and `subject` hold an ad-hoc message without a template.
    `next_wave_at` is when the dispatcher looks at the job again; NULL while a wave is open or the job is not running.
    """

    client = models.ForeignKey("agency.Client", models.PROTECT, related_name="+", verbose_name=_("client"))
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.SmallIntegerField(_("kind"), choices=MessageKind.choices)
    priority = models.SmallIntegerField(_("priority"), default=3)
    channel = models.SmallIntegerField(_("channel"), choices=ChannelKind.choices)
    state = models.SmallIntegerField(_("state"), choices=JobState.choices, default=JobState.PREPARING)
    template_version = models.ForeignKey(
        "messaging.TemplateVersion", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("template")
    )
    subject = models.CharField(_("subject"), max_length=300, blank=True)
    text = models.TextField(_("text"), blank=True)
    variables = models.JSONField(default=dict, blank=True)
    sender_ids = ArrayField(models.BigIntegerField(), default=list)
    policy = models.JSONField(default=dict, blank=True)
    audience = models.CharField(_("audience"), max_length=60, blank=True, default="", db_default="")
    rate_per_hour = models.PositiveIntegerField(_("rate per hour"), null=True, blank=True)
    max_per_day = models.PositiveIntegerField(_("maximum per day"), null=True, blank=True)
    max_attempts = models.PositiveSmallIntegerField(_("attempts"), default=3)
    audience_complete = models.BooleanField(default=False)
    waves_opened = models.IntegerField(default=0)
    next_wave_at = models.DateTimeField(_("next look"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("created"), db_default=Now())
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("send job")
        verbose_name_plural = _("send jobs")
        constraints = [
            models.CheckConstraint(condition=models.Q(priority__gte=1, priority__lte=10), name="job_priority_1_to_10")
        ]
        indexes = [
            models.Index(fields=["next_wave_at"], name="job_due", condition=models.Q(state=1)),
            # Whose turn it is (messaging/selectors/turns.py).
            models.Index(
                fields=["priority", "client", "next_wave_at"],
                name="job_turn",
                condition=models.Q(state=1, next_wave_at__isnull=False),
            ),
            models.Index(fields=["client", "-id"], name="job_client"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"


class Wave(models.Model):
    """A bounded set of batches of one job. Closed exactly once, by compare-and-set, by its chord's body or by the sweep.

    `at_work` has the bit of each batch that has begun and not ended; one that is still set when the wave is closed, or when the same batch
    begins again, tells that its process was lost. `careful` waves follow such a one (docs/decisions: a message that kills its process).
    """

    job = models.ForeignKey(SendJob, models.CASCADE, related_name="waves", db_index=False)
    number = models.IntegerField()
    state = models.SmallIntegerField(choices=WaveState.choices, default=WaveState.OPEN)
    size = models.IntegerField()
    batches = models.SmallIntegerField()
    at_work = models.BigIntegerField(default=0, db_default=0)
    careful = models.BooleanField(default=False, db_default=False)
    opened_at = models.DateTimeField(db_default=Now())
    touched_at = models.DateTimeField(
        db_default=Now()
    )  # last claim of a batch; the sweep closes a wave nobody works on
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="one_wave_per_number")]
        indexes = [models.Index(fields=["touched_at"], name="wave_open", condition=models.Q(state=1))]

    def __str__(self) -> str:
        return f"{self.job_id}/{self.number}"


class Tally(models.Model):
    """A change in the number of a job's recipients in one state and reason, one row per chunk; the sweep folds them into `JobTotal`."""

    job_id = models.BigIntegerField()
    state = models.SmallIntegerField(choices=RecipientState.choices)
    reason = models.SmallIntegerField(choices=Reason.choices, default=Reason.NONE)
    number = models.IntegerField()

    class Meta:
        indexes = [models.Index(fields=["job_id"], name="tally_job")]

    def __str__(self) -> str:
        return f"{self.job_id} {self.state} {self.number:+d}"


class JobTotal(models.Model):
    """How many recipients of a job are in one state and reason, as of the last fold (leased ones count as pending)."""

    job_id = models.BigIntegerField()
    state = models.SmallIntegerField(choices=RecipientState.choices)
    reason = models.SmallIntegerField(choices=Reason.choices, default=Reason.NONE)
    number = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job_id", "state", "reason"], name="one_total_per_state_and_reason")
        ]
        # Jobs with dead letters, newest first. `number` stays out of it, so that folding keeps updating in place.
        indexes = [models.Index(fields=["-job_id"], name="total_given_up", condition=models.Q(state=90, reason=15))]

    def __str__(self) -> str:
        return f"{self.job_id} {self.state} {self.number}"
