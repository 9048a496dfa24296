"""What OAuth granted a connection, and attempts to get it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.states import GrantState


class OAuthGrant(models.Model):
    """The public side of a connection's tokens, which are sealed in `Connection.sealed_tokens`.

    `scopes` are those that were granted. `expires_at` is empty for a token that does not end. While one process renews, `lease` names it and
    `leased_until` ends its turn; `attempts` counts failures in a row, and the next try waits for `retry_at`.
    """

    connection = models.OneToOneField(
        "integrations.Connection", models.CASCADE, primary_key=True, related_name="grant", verbose_name=_("connection")
    )
    state = models.CharField(_("state"), max_length=10, choices=GrantState.choices, default=GrantState.GRANTED)
    scopes = models.JSONField(_("granted permissions"), default=list)
    obtained_at = models.DateTimeField(_("obtained at"))
    expires_at = models.DateTimeField(_("valid until"), null=True)
    refresh_expires_at = models.DateTimeField(_("can be renewed until"), null=True)
    renewable = models.BooleanField(_("is renewed by itself"), default=False)
    renew_at = models.DateTimeField(_("renewed from"), null=True)
    lease = models.BigIntegerField(null=True)
    leased_until = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(_("failed renewals"), default=0)
    error = models.CharField(_("error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        indexes = [models.Index(fields=["renew_at"], name="grant_renewal", condition=models.Q(renew_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.connection_id} {self.state}"


class OAuthAttempt(models.Model):
    """Somebody was sent to a provider. The row is deleted when they come back, which makes its `state` good for one time only.

    Only hashes of the state and of the session are kept; the PKCE verifier is sealed.
    """

    state_hash = models.CharField(max_length=64, unique=True)
    session_hash = models.CharField(max_length=64)
    connection = models.ForeignKey("integrations.Connection", models.CASCADE, related_name="+")
    user = models.ForeignKey("agency.User", models.CASCADE, related_name="+")
    sealed_verifier = models.BinaryField(default=b"")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("attempt to connect")
        verbose_name_plural = _("attempts to connect")

    def __str__(self) -> str:
        return f"{self.connection_id} {self.created_at}"
