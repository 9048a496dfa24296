"""The catalogue of each client's tags."""

from django.contrib import admin
from django.db import models
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from agency.admin.base import RecordAdmin
from messaging.models import Tag
from messaging.selectors.visible import visible_tags


@admin.register(Tag)
class TagAdmin(RecordAdmin):
    """Tags come into being with the people who carry them: by hand, by import, by the API."""

    visible_to = staticmethod(visible_tags)
    list_select_related = ("client",)
    list_display = ("name", "client", "people")
    list_filter = ("client",)
    export_columns = ("name", "client")
    search_help_text = _("Beginning of a name")
    fields = ("name", "client", "people")
    readonly_fields = ("people",)

    def search(self, text: str) -> models.Q:
        """The beginning of the name."""
        return models.Q(name__istartswith=text)

    @admin.display(description=_("who"))
    def people(self, tag: Tag) -> str:
        """A link to the people who carry it; counting them is the list's business."""
        address = reverse("admin:messaging_contact_changelist")
        return format_html(
            '<a href="{}?client__id__exact={}&tag={}">{}</a>', address, tag.client_id, tag.name, _("Show")
        )
