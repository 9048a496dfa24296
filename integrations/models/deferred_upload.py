"""A file that no store would take: kept here until one does."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class DeferredUpload(models.Model):
    """The newest content that waits for a key. In the database and not on a disk: whichever machine's worker is free uploads it."""

    bucket = models.CharField(_("bucket"), max_length=63)
    key = models.CharField(_("key"), max_length=1024)
    content = models.BinaryField()
    content_type = models.CharField(_("kind"), max_length=120)
    client = models.ForeignKey("agency.Client", models.PROTECT, null=True, related_name="+", verbose_name=_("client"))
    since = models.DateTimeField(_("waits since"))
    tries = models.PositiveIntegerField(_("tries"), default=0)
    next_try_at = models.DateTimeField(_("next try"))
    text = models.CharField(_("error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("upload that waits")
        verbose_name_plural = _("uploads that wait")
        constraints = [models.UniqueConstraint(fields=["bucket", "key"], name="one_waiting_upload_per_key")]
        indexes = [models.Index(fields=["next_try_at"], name="waiting_upload_due")]

    def __str__(self) -> str:
        return f"{self.bucket}/{self.key}"
