"""A saved filter over a client's contacts."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Segment(models.Model):
    """`conditions` is a `campaigns.outreach.rules.segment.Group` as JSON: {"all": [{"field": "tags", "op": "has", "value": "vip"}, …]}."""

    client = models.ForeignKey("agency.Client", models.PROTECT, related_name="+", verbose_name=_("client"))
    name = models.CharField(_("name"), max_length=120)
    conditions = models.JSONField(_("conditions"), default=dict)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ["client", "name"]
        constraints = [models.UniqueConstraint(fields=["client", "name"], name="one_segment_per_name")]

    def __str__(self) -> str:
        return self.name
