"""Which clients a person below director may see."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ClientGrant(models.Model):
    """One person, one client."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="client_grants", verbose_name=_("user")
    )
    client = models.ForeignKey("agency.Client", models.CASCADE, related_name="grants", verbose_name=_("client"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("client grant")
        verbose_name_plural = _("client grants")
        constraints = [models.UniqueConstraint(fields=["user", "client"], name="one_grant_per_user_and_client")]

    def __str__(self) -> str:
        return f"{self.user} → {self.client}"
