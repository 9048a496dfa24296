"""One contact at one step of a send job: the outbound message itself."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from messaging.states import LOST_CODE, Reason, RecipientState


class Recipient(models.Model):
    """The row is the work. A hot table (docs/decisions: hot tables): no database foreign key, partial state indexes, keys begin with the job.

    `not_before` is when it may be tried next. While leased, `lease` names the holder's claim and `leased_until` (database time) its end.
    `code` is the provider's error code. `variables` are the resolved template values that were sent; empty, and not null, where the person
    was erased: nothing more is kept of the message then. `maybe_sent_at` is when an attempt was first made that the provider may have
    accepted although we have no answer; null: surely none.
    """

    job = models.ForeignKey(
        "messaging.SendJob",
        models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("job"),
    )
    contact = models.ForeignKey(
        "messaging.Contact",
        models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("contact"),
    )
    step = models.SmallIntegerField(_("step"), default=0, db_default=0)
    state = models.SmallIntegerField(
        _("state"), choices=RecipientState.choices, default=RecipientState.PENDING, db_default=0
    )
    reason = models.SmallIntegerField(_("reason"), choices=Reason.choices, default=Reason.NONE, db_default=0)
    attempt = models.SmallIntegerField(_("attempt"), default=0, db_default=0)
    sender = models.ForeignKey(
        "messaging.Sender",
        models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        verbose_name=_("sender"),
    )
    lease = models.BigIntegerField(null=True)
    leased_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(_("not before"), db_default=Now())
    sent_at = models.DateTimeField(_("sent"), null=True)
    changed_at = models.DateTimeField(_("changed"), null=True)
    maybe_sent_at = models.DateTimeField(null=True)
    provider_id = models.TextField(_("provider id"), null=True)
    code = models.TextField(_("error code"), null=True)
    variables = models.JSONField(null=True)

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        constraints = [
            models.UniqueConstraint(fields=["job", "contact", "step"], name="one_recipient_per_job_contact_and_step")
        ]
        indexes = [
            models.Index(fields=["job", "not_before", "id"], name="recipient_due", condition=models.Q(state=0)),
            models.Index(fields=["leased_until"], name="recipient_leased", condition=models.Q(state=1)),
            # Rows that lost their process before they were handed over, the least tried first; nearly always empty.
            models.Index(
                fields=["job", "attempt", "id"], name="recipient_lost", condition=models.Q(state=0, code=LOST_CODE)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job_id}/{self.contact_id}/{self.step}"


class DeadLetter(Recipient):
    """A recipient that was given up after all attempts: a page of its own, where a person may have it tried again."""

    class Meta:
        proxy = True
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")
