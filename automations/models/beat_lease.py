"""Which Beat may fire."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class BeatLease(models.Model):
    """The one row that says which of two or three Beats fires; every time in it is the database's.

    `term` grows with each change of hands. `ticked_at` is the end of the holder's last complete pass over the schedules,
    `published_at` its last message that the broker took.
    """

    name = models.CharField(max_length=20, primary_key=True)
    holder = models.CharField(_("holder"), max_length=200)
    term = models.BigIntegerField(_("term"))
    acquired_at = models.DateTimeField(_("acquired"))
    renewed_at = models.DateTimeField(_("renewed"))
    expires_at = models.DateTimeField(_("expires"))
    ticked_at = models.DateTimeField(_("last tick"), null=True, blank=True)
    published_at = models.DateTimeField(_("last message"), null=True, blank=True)

    class Meta:
        verbose_name = _("Beat lease")
        verbose_name_plural = _("Beat leases")

    def __str__(self) -> str:
        return f"{self.holder} #{self.term}"
