"""Clients of the agency."""

from django.contrib import admin

from agency.admin.base import RecordAdmin
from agency.models import Client
from agency.selectors.access import visible_clients


@admin.register(Client)
class ClientAdmin(RecordAdmin):
    """Whom the agency works for."""

    visible_to = staticmethod(visible_clients)
    list_select_related = ()
    list_display = ("name", "slug", "country", "time_zone", "state", "created_at")
    list_filter = ("state",)
    ordering = ("name",)
