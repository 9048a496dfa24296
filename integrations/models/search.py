"""Searches: answers kept for a while, and questions that wait for a person."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class SearchAnswer(models.Model):
    """What a search found. `digest` is of the question; a day long it is the answer, after that what is shown while nobody else answers."""

    digest = models.CharField(max_length=64, unique=True)
    engine = models.CharField(_("engine"), max_length=40)
    question = models.JSONField(_("question"))
    rows = models.JSONField(_("found"))
    asked_at = models.DateTimeField(_("asked"))

    class Meta:
        verbose_name = _("search answer")
        verbose_name_plural = _("search answers")
        indexes = [models.Index(fields=["asked_at"], name="search_answer_age")]

    def __str__(self) -> str:
        return f"{self.engine} {self.digest[:8]}"


class ManualSearch(models.Model):
    """A question that no service answered: a person searches, and enters what was found."""

    digest = models.CharField(max_length=64)
    engine = models.CharField(_("engine"), max_length=40)
    question = models.JSONField(_("question"))
    client = models.ForeignKey("agency.Client", models.PROTECT, null=True, related_name="+", verbose_name=_("client"))
    asked_at = models.DateTimeField(_("asked"))
    answered_at = models.DateTimeField(_("answered"), null=True)
    rows = models.JSONField(_("found"), default=list)

    class Meta:
        verbose_name = _("search by hand")
        verbose_name_plural = _("searches by hand")
        constraints = [
            models.UniqueConstraint(
                fields=["digest"],
                condition=models.Q(answered_at__isnull=True),
                name="one_open_search_by_hand",
            )
        ]

    def __str__(self) -> str:
        return f"{self.engine} {self.digest[:8]}"
