"""One account at an outside service: whose it is, how it is reached, and its secrets, encrypted."""

import secrets

from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.states import ConnectionSource


def new_connection_key() -> str:
    """A random public name for webhook addresses; knowing it proves nothing."""
    return secrets.token_urlsafe(18)


class Connection(models.Model):
    """`service` is the slug of a folder in `integrations`. `settings` are readable; `sealed_secrets` is a Fernet token over a JSON object
    (see `integrations.connections`), `sealed_tokens` one over what OAuth granted. `credential_facts` says in clear what a certificate or a key
    file says of itself: name of the setting → kind, subject, when it ends. `latency_ms` is of the last check. `client` is empty for the agency's
    own accounts. `key` is part of the webhook address."""

    service = models.CharField(_("service"), max_length=40)
    name = models.CharField(_("name"), max_length=120)
    client = models.ForeignKey(
        "agency.Client", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("client")
    )
    key = models.CharField(_("webhook key"), max_length=40, unique=True, default=new_connection_key, editable=False)
    settings = models.JSONField(_("settings"), default=dict, blank=True)
    sealed_secrets = models.BinaryField(default=b"", editable=False)
    sealed_tokens = models.BinaryField(default=b"", editable=False)
    credential_facts = models.JSONField(default=dict, editable=False)
    source = models.CharField(
        _("source"), max_length=12, choices=ConnectionSource.choices, default=ConnectionSource.PERSON, editable=False
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    health = models.CharField(_("health"), max_length=10, blank=True, editable=False)
    health_text = models.CharField(_("what to do"), max_length=300, blank=True, editable=False)
    checked_at = models.DateTimeField(_("checked"), null=True, blank=True, editable=False)
    latency_ms = models.PositiveIntegerField(_("latency in ms"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        ordering = ["service", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["service"],
                condition=models.Q(source=ConnectionSource.ENVIRONMENT),
                name="one_environment_connection_per_service",
            ),
            models.CheckConstraint(
                condition=models.Q(source=ConnectionSource.PERSON) | models.Q(client__isnull=True),
                name="environment_connection_has_no_client",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.service})"
