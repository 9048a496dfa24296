"""One file of contacts being read in."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.states import ImportState


class ContactImport(models.Model):
    """The file, how its columns were understood, how far the import is and what came of it.

    Counts are rows of the file: rows = created + updated + unchanged + merged + rejected. `mapping` (header → field) is
    what a person chose; the rest is detected. `country` (ISO 3166) reads phones instead of the client's. A running
    import without a heartbeat for a minute has lost its process and is started again.
    """

    client = models.ForeignKey("agency.Client", models.PROTECT, related_name="+", verbose_name=_("client"))
    file_name = models.CharField(_("file"), max_length=255)
    stored_path = models.CharField(max_length=500)
    digest = models.CharField(_("SHA-256"), max_length=64, blank=True)
    mapping = models.JSONField(_("columns"), default=dict)
    country = models.CharField(_("country of the phones"), max_length=2, blank=True)
    dry_run = models.BooleanField(_("dry run"), default=False)
    state = models.CharField(_("state"), max_length=10, choices=ImportState.choices, default=ImportState.WAITING)
    error = models.TextField(_("error"), blank=True)
    bytes_total = models.BigIntegerField(default=0)
    bytes_done = models.BigIntegerField(default=0)
    rows = models.IntegerField(_("rows"), default=0)
    created = models.IntegerField(_("created"), default=0)
    updated = models.IntegerField(_("updated"), default=0)
    unchanged = models.IntegerField(_("unchanged"), default=0)
    merged = models.IntegerField(_("duplicates in the file"), default=0)
    rejected = models.IntegerField(_("rejected"), default=0)
    rejected_path = models.CharField(max_length=500, blank=True)
    rejected_reasons = models.JSONField(_("reasons"), default=dict)
    attempts = models.SmallIntegerField(default=0)
    percent = models.SmallIntegerField(_("progress"), default=0)
    rows_per_second = models.IntegerField(_("rows a second"), default=0)
    expected_at = models.DateTimeField(_("expected end"), null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("contact import")
        verbose_name_plural = _("contact imports")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.file_name
