"""The one switch that stops every outside effect."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Freeze(models.Model):
    """A time in which nothing is sent for anybody; `ended_at` NULL: it holds now. At most one holds."""

    began_at = models.DateTimeField(_("began"), db_default=Now(), editable=False)
    began_by = models.CharField(_("frozen by"), max_length=200, editable=False)
    why = models.CharField(_("why"), max_length=300)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)
    ended_by = models.CharField(_("lifted by"), max_length=200, blank=True, editable=False)

    class Meta:
        verbose_name = _("freeze")
        verbose_name_plural = _("freezes")
        constraints = [
            # Also the index that every claim asks: it holds one row or none.
            models.UniqueConstraint(
                fields=["ended_at"],
                condition=models.Q(ended_at__isnull=True),
                nulls_distinct=False,
                name="one_freeze_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return self.why
