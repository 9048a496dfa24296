"""One backup of the database, from its beginning to its end."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.states import BackupState


class Backup(models.Model):
    """`stamp` is its place in the bucket; the manifest there says the same and survives the loss of this row.

    `seen_at` is when the running backup last moved: one that stands still has died. `copies` counts the stores that hold it.
    """

    stamp = models.CharField(_("name"), max_length=20, unique=True)
    state = models.SmallIntegerField(_("state"), choices=BackupState.choices, default=BackupState.RUNNING)
    started_at = models.DateTimeField(_("begun"))
    seen_at = models.DateTimeField(_("last seen"))
    finished_at = models.DateTimeField(_("ended"), null=True)
    size = models.BigIntegerField(_("bytes"), default=0)
    copies = models.PositiveSmallIntegerField(_("copies"), default=0)
    has_media = models.BooleanField(_("with media"), default=False)
    text = models.CharField(_("what went wrong"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("backup")
        verbose_name_plural = _("backups")
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state=BackupState.RUNNING), name="one_backup_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return self.stamp
