"""What a language model was asked on an occasion that is done once: the answer, or the wait for a person."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.states import ModelRequestState


class ModelRequest(models.Model):
    """`facts` are kept only while the request waits; `answer` has the shape of the task in that `version`. `key` names the occasion."""

    task = models.CharField(_("task"), max_length=60)
    version = models.SmallIntegerField(_("version"))
    client = models.ForeignKey(
        "agency.Client", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("client")
    )
    key = models.CharField(_("occasion"), max_length=120, unique=True, null=True, blank=True)
    state = models.CharField(
        _("state"), max_length=10, choices=ModelRequestState.choices, default=ModelRequestState.WAITING
    )
    facts = models.JSONField(_("facts"), default=dict, blank=True)
    answer = models.JSONField(_("answer"), null=True, blank=True)
    service = models.CharField(_("service"), max_length=40, blank=True)
    model = models.CharField(_("model"), max_length=80, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)
    purpose = models.CharField(_("made for"), max_length=40, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True, db_index=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("model request")
        verbose_name_plural = _("model requests")
        constraints = [
            models.CheckConstraint(
                name="a_done_request_has_an_answer",
                condition=~models.Q(state=ModelRequestState.DONE) | models.Q(answer__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.pk}"
