"""Templates: the words, a preview for each person, versions with their differences, and who has approved them."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant

from agency.admin.base import PERSONAL
from agency.admin.buttons import OperationButton, calls, in_state
from agency.admin.columns import state_column
from agency.admin.pages import PageAdmin
from agency.kit.actor import Actor
from messaging.admin.sender_form import WhyForm
from messaging.admin.template_form import IDENTITY, TemplateForm, wording_from
from messaging.admin.template_preview import (
    chosen_person,
    constants_in,
    preview_context,
    preview_of,
    version_lines,
)
from messaging.admin.words import ACTION_WORDS, TEMPLATE_TONES
from messaging.models import Template
from messaging.operations.templates import (
    add_template_version,
    approve_template,
    archive_template,
    create_template,
    restore_template,
    withdraw_template,
)
from messaging.selectors.visible import visible_templates
from messaging.states import ChannelKind, TemplateState

CHANGE = "messaging.change_template"
DRAFT, SUBMITTED, APPROVED, REJECTED, ARCHIVED = TemplateState
# A message's HTML stands alone: no scripts, nothing from anywhere, no way out of its frame. Its own inline styles are what it is looked at for.
FRAME_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'"
)


def _approve_warning(template: Template) -> str:
    if template.current is not None and template.current.provider_name:
        return _("Only after the provider has approved “%(name)s”: we pass on what you say.") % {
            "name": template.current.provider_name
        }
    number = template.current.number if template.current else 0
    return _("Version %(number)d may be sent from now on.") % {"number": number}


@admin.register(Template)
class TemplateAdmin(PageAdmin):
    """What is sent."""

    visible_to = staticmethod(visible_templates)
    list_select_related = ("client", "current")
    list_display = ("name", "client", "channel", "language", "state_label", "version", "begins")
    state_label = state_column(TEMPLATE_TONES)
    list_filter = ("client", "channel", "state")
    search_help_text = gettext_lazy("Beginning of a name")
    form = TemplateForm
    page_template = "messaging/template.html"
    action_words = ACTION_WORDS
    fixed_fields = IDENTITY
    buttons = (
        OperationButton(
            "approve",
            gettext_lazy("Approve"),
            CHANGE,
            run=calls(approve_template, "template_id", gettext_lazy("Approved. Campaigns may use it.")),
            warning=_approve_warning,
            shown=lambda template: template.state in (DRAFT, SUBMITTED, REJECTED) and template.current is not None,
            icon="check",
            variant=ActionVariant.PRIMARY,
        ),
        OperationButton(
            "withdraw",
            gettext_lazy("Withdraw"),
            CHANGE,
            run=calls(withdraw_template, "template_id", gettext_lazy("Withdrawn. It is a draft again.")),
            form=WhyForm,
            warning=lambda template: _(
                "No campaign starts with it until it is approved again. What runs goes on with the words it began with."
            ),
            shown=in_state(APPROVED, SUBMITTED),
            icon="undo",
        ),
        OperationButton(
            "archive",
            gettext_lazy("Archive"),
            CHANGE,
            run=calls(archive_template, "template_id", gettext_lazy("Archived.")),
            shown=in_state(DRAFT, SUBMITTED, APPROVED, REJECTED),
            icon="inventory_2",
        ),
        OperationButton(
            "restore",
            gettext_lazy("Restore"),
            CHANGE,
            run=calls(restore_template, "template_id", gettext_lazy("Restored as a draft.")),
            shown=in_state(ARCHIVED),
            icon="unarchive",
        ),
    )

    def search(self, text: str) -> models.Q:
        """The beginning of a name."""
        return models.Q(name__istartswith=text)

    @admin.display(description=gettext_lazy("version"))
    def version(self, template: Template) -> str:
        """The number of the current one."""
        return str(template.current.number) if template.current else "–"

    @admin.display(description=gettext_lazy("begins"))
    def begins(self, template: Template) -> str:
        """The first words."""
        if template.current is None:
            return "–"
        words = " ".join((template.current.subject or template.current.body).split())
        return words if len(words) <= 60 else f"{words[:57]}…"

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("<path:object_id>/html/", self.admin_site.admin_view(self.html), name="messaging_template_html"),
        ]
        return [*own, *super().get_urls()]

    def page(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """The preview, the versions."""
        return {
            "tone": TEMPLATE_TONES[record.state],
            "under": " · ".join(str(part) for part in (record.client, record.get_channel_display(), record.language)),
            "edit_label": _("New version"),
            "email": record.channel == ChannelKind.EMAIL,
            "whatsapp": record.channel == ChannelKind.WHATSAPP,
            "versions": version_lines(record),
            "html_url": reverse("admin:messaging_template_html", args=(record.pk,)),
            **preview_context(request, record),
        }

    def html(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The HTML of the preview as a document of its own, for a frame that may do nothing."""
        template = self.seen(request, object_id)
        if template.current is None:
            raise Http404
        person, _problem = chosen_person(request, template)
        if person is None:
            raise Http404
        found = preview_of(template.current, person, constants_in(request), clear=request.user.has_perm(PERSONAL))
        content = found.rendered.html if found.rendered else ""
        return HttpResponse(content, headers={"Content-Security-Policy": FRAME_POLICY, "X-Frame-Options": "SAMEORIGIN"})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new one: everything. An existing one: the words that its channel has."""
        channel = obj.channel if obj is not None else None
        email: list[Any] = [(_("E-mail only"), {"fields": ("subject", "html")})]
        provider: list[Any] = [
            (_("Kept at the provider"), {"fields": ("provider_name", "category", "parameter_lines", "media_url")})
        ]
        words = ["body", "variable_lines"]
        if channel == ChannelKind.EMAIL:
            return [(None, {"fields": ("subject", "body", "html", "variable_lines", "why")})]
        if channel is not None:
            extra = provider if channel == ChannelKind.WHATSAPP else []
            return [(None, {"fields": (*words, "why")}), *extra]
        return [(None, {"fields": IDENTITY}), (_("Words"), {"fields": words}), *email, *provider]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An archived one is restored first."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.state != ARCHIVED)

    def create_record(self, actor: Actor, cleaned: Mapping[str, Any], request: HttpRequest) -> Template:
        """A draft with its first version."""
        return create_template(
            client=cleaned["client"],
            name=cleaned["name"],
            channel=ChannelKind(cleaned["channel"]),
            language=cleaned["language"],
            order=wording_from(cleaned),
            actor=actor,
        )

    def change_record(
        self, actor: Actor, template: Template, cleaned: Mapping[str, Any], request: HttpRequest
    ) -> Template:
        """A new version."""
        add_template_version(template_id=template.pk, order=wording_from(cleaned), actor=actor, why=cleaned["why"])
        return template
