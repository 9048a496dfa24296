"""Contacts: the list, the person's page, the form, the file."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from agency.admin.asked import key_in
from agency.admin.base import PERSONAL
from agency.admin.pages import PageAdmin
from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import Client
from messaging.admin.contact_buttons import CONTACT_BUTTONS
from messaging.admin.contact_form import ContactForm, changes_from
from messaging.admin.contact_page import contact_context
from messaging.models import Contact
from messaging.operations.contact_entry import PersonGiven, change_contact, upsert_contacts
from messaging.selectors.contacts import matching_text, tagged, with_consent
from messaging.selectors.visible import visible_contacts, visible_tags
from messaging.states import ChannelKind, ConsentState

MOST_TAGS = 200  # offered in the filter


class TagFilter(admin.SimpleListFilter):
    """Tags of the catalogue; of one client when the list is narrowed to it."""

    title = gettext_lazy("tag")
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The tags the reader sees."""
        tags = visible_tags(request.user)
        chosen = key_in(request, "client__id__exact")
        if chosen is not None:
            tags = tags.filter(client=chosen)
        names = tags.order_by("name").values_list("name", flat=True).distinct()[:MOST_TAGS]
        asked = request.GET.get(self.parameter_name, "")
        return [(name, name) for name in dict.fromkeys([*names, *filter(None, [asked])])]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Contact]) -> models.QuerySet[Contact]:
        """Carriers of the tag."""
        tag = self.value()
        return tagged(queryset, tag[:60]) if tag else queryset


class ConsentFilter(admin.SimpleListFilter):
    """The present word per channel."""

    title = gettext_lazy("consent")
    parameter_name = "consent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Each channel with each word."""
        return [
            (f"{channel.value}-{state.value}", f"{channel.label}: {state.label}")
            for channel in ChannelKind
            for state in ConsentState
        ]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Contact]) -> models.QuerySet[Contact]:
        """People who have said so."""
        channel, _dash, state = (self.value() or "").partition("-")
        if channel not in map(str, ChannelKind.values) or state not in map(str, ConsentState.values):
            return queryset
        return with_consent(queryset, ChannelKind(int(channel)), ConsentState(int(state)))


@admin.register(Contact)
class ContactAdmin(PageAdmin):
    """The people of the clients."""

    visible_to = staticmethod(visible_contacts)
    list_select_related = ("client",)
    list_display = ("who", "client", "phone", "email", "tag_list", "replies", "created_at")
    export_columns = (
        "client", "name", "phone", "email", "whatsapp_id", "language", "time_zone", "tags", "attributes", "replies", "created_at",
    )  # fmt: skip
    export_rows = 10_000_000  # everybody of a client: by key, the file is no heavier for being long
    list_filter = ("client", TagFilter, ConsentFilter)
    sortable_by = ()
    search_help_text = gettext_lazy("A phone, or the beginning of a phone, an e-mail or a name")
    form = ContactForm
    fixed_fields = ("client",)
    page_template = "messaging/contact.html"
    buttons = CONTACT_BUTTONS
    masked_fields: ClassVar = dict.fromkeys(("name", "phone", "email", "whatsapp_id", "attributes"), PERSONAL)
    fieldsets = (
        (None, {"fields": ("client", "name")}),
        (gettext_lazy("Addresses"), {"fields": ("phone", "email", "whatsapp_id")}),
        (
            gettext_lazy("What is known"),
            {"fields": (("language", "time_zone"), "tag_names", "attribute_lines")},
        ),
    )

    # The list ---------------------------------------------------------------------------------------------------------
    def search(self, text: str) -> models.Q:
        """By what an index answers."""
        return matching_text(text)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Who may not read addresses may not search by them either."""
        return super().get_search_fields(request) if request.user.has_perm(PERSONAL) else ()

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """Nothing for those who may not search."""
        if search_term.strip() and not request.user.has_perm(PERSONAL):
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def must_look(self, request: HttpRequest) -> bool:
        """Who said yes is most people, or for some channel nobody; who said no has an index."""
        return request.GET.get("consent", "").endswith(f"-{ConsentState.GRANTED.value}")

    @display(description=gettext_lazy("name"))
    def who(self, contact: Contact) -> str:
        """The name, else an address."""
        return str(contact)

    @display(description=gettext_lazy("tags"))
    def tag_list(self, contact: Contact) -> str:
        """The first tags."""
        more = f" +{len(contact.tags) - 3}" if len(contact.tags) > 3 else ""
        return ", ".join(contact.tags[:3]) + more or "–"

    def may_export(self, request: HttpRequest) -> bool:
        """Only those who may read personal data may take people away."""
        return super().may_export(request) and request.user.has_perm(PERSONAL)

    # The page ---------------------------------------------------------------------------------------------------------
    def page(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """Who, where they may be written to, what they said, what went to and fro."""
        return contact_context(record, request)

    # The form ---------------------------------------------------------------------------------------------------------
    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only those who may read personal data may write it."""
        return bool(super().has_add_permission(request)) and request.user.has_perm(PERSONAL)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only those who may read personal data may write it."""
        return bool(super().has_change_permission(request, obj)) and request.user.has_perm(PERSONAL)

    def create_record(self, actor: Actor, cleaned: Mapping[str, Any], request: HttpRequest) -> Contact:
        """Somebody new, or more about somebody who has one of these addresses already."""
        client: Client = cleaned["client"]
        (outcome,) = upsert_contacts(
            client=client, people=[PersonGiven(**changes_from(cleaned))], source=_("entered by hand"), actor=actor
        )
        if outcome.contact_id is None:
            raise InvalidInput("refused", outcome.reason)
        return Contact.objects.get(pk=outcome.contact_id)

    def change_record(
        self, actor: Actor, contact: Contact, cleaned: Mapping[str, Any], request: HttpRequest
    ) -> Contact:
        """Set what was entered."""
        return change_contact(contact_id=contact.pk, changes=changes_from(cleaned), actor=actor)
