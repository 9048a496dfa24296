"""What is sent: a template and its immutable versions."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from messaging.states import ChannelKind, TemplateState


class Template(models.Model):
    """A message of a client for one channel and language."""

    client = models.ForeignKey("agency.Client", models.PROTECT, related_name="+", verbose_name=_("client"))
    name = models.CharField(_("name"), max_length=120)
    channel = models.SmallIntegerField(_("channel"), choices=ChannelKind.choices)
    language = models.CharField(_("language"), max_length=10, default="pt_BR")
    state = models.CharField(_("state"), max_length=10, choices=TemplateState.choices, default=TemplateState.DRAFT)
    current = models.ForeignKey(
        "messaging.TemplateVersion", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("version")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        ordering = ["client", "name"]
        constraints = [
            models.UniqueConstraint(fields=["client", "channel", "name", "language"], name="one_template_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class TemplateVersion(models.Model):
    """One wording, never changed after it was made. `subject`, `body` and `html` are Liquid.

    `provider_name` names a template at the provider (WhatsApp); then `parameters` lists the Liquid expressions that fill it, in order.
    `variables` declares each variable: [{"name": "contact.name", "type": "text", "fallback": "cliente", "required": true}].
    """

    template = models.ForeignKey(Template, models.CASCADE, related_name="versions", verbose_name=_("template"))
    number = models.PositiveIntegerField(_("version"))
    subject = models.CharField(_("subject"), max_length=300, blank=True)
    body = models.TextField(_("text"), blank=True)
    html = models.TextField(_("HTML"), blank=True)
    provider_name = models.CharField(_("name at the provider"), max_length=120, blank=True)
    category = models.CharField(_("category"), max_length=20, blank=True)
    parameters = models.JSONField(_("parameters"), default=list, blank=True)
    variables = models.JSONField(_("variables"), default=list, blank=True)
    media_url = models.URLField(_("media"), max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("template version")
        verbose_name_plural = _("template versions")
        ordering = ["template", "-number"]
        constraints = [models.UniqueConstraint(fields=["template", "number"], name="one_template_version_per_number")]

    def __str__(self) -> str:
        return f"{self.template} v{self.number}"
