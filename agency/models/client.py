"""A customer of the agency, and owner of contacts, senders and campaigns."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from agency.states import ClientState


class Client(models.Model):
    """`country` is the default for phone numbers (ISO 3166), `time_zone` an IANA name."""

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("slug"), max_length=60, unique=True)
    tax_id = models.CharField(_("tax id"), max_length=20, blank=True)
    country = models.CharField(_("country"), max_length=2, default="BR")
    time_zone = models.CharField(_("time zone"), max_length=50, default="America/Sao_Paulo")
    language = models.CharField(_("language"), max_length=10, default="pt-br")
    state = models.CharField(_("state"), max_length=10, choices=ClientState.choices, default=ClientState.ACTIVE)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        ordering = ["name"]
        # Permissions that belong to no single record stand here; `agency.rules.roles` says who has them.
        permissions = [
            ("view_personal_data", "Can read names, addresses and message texts"),
            ("view_money", "Can read prices, costs and margins"),
            ("run_campaigns", "Can start, pause, resume and cancel campaigns"),
            ("send_messages", "Can send single messages"),
            ("import_contacts", "Can import contacts"),
            ("invite_people", "Can invite people and change their access"),
            ("freeze_sending", "Can stop every message of every client, and let them go on"),
            ("operate_engine", "Can retry dead letters and look at the system"),
        ]

    def __str__(self) -> str:
        return self.name
