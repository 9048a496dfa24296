"""The one base of records that have a page: it is read first, with its buttons and its story; a form is behind `?edit=1`.

@admin.register(Sender)
class SenderAdmin(PageAdmin):
    …                                           # everything a RecordAdmin declares
    page_template = "messaging/sender.html"     # required
    action_words = ACTION_WORDS                 # what the audit log's actions are called in the story

    def page(self, request, record):            # required: what the template shows besides
        return {"tone": …}
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from unfold.enums import ActionVariant

from agency.admin.base import RecordAdmin
from agency.admin.timeline import TimelineLine, timeline
from agency.models import AuditEntry
from agency.selectors.history import latest_entries


class PageAdmin(RecordAdmin):
    """See the module's text."""

    abstract: ClassVar[bool] = True
    page: ClassVar[Callable[..., dict[str, Any]]]  # (self, request, record) -> what the template shows besides
    page_template: ClassVar[str]
    action_words: ClassVar[Mapping[str, str | Promise]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__dict__.get("abstract"):
            return
        for name in ("page", "page_template"):
            if not hasattr(cls, name):
                raise TypeError(f"{cls.__name__} must have `{name}`")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page; with `?edit=1`, or when the form was sent, the form."""
        record = self.seen(request, object_id)
        editable = self.has_change_permission(request, record)
        if editable and (request.method == "POST" or "edit" in request.GET):
            form: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
            return form
        links = self._links(request, self.buttons, "change_do", record)
        primary = next((link for link in links if link["variant"] is ActionVariant.PRIMARY), None)
        context = {
            "record": record,
            "primary": primary,
            "secondary": [link for link in links if link is not primary],
            "edit_url": f"{self.address_of(record)}?edit=1" if editable else "",
            "timeline": partial(self._story, record),  # the template that shows it asks for it
            **self.page(request, record),
        }
        return self.show(request, self.page_template, str(record), **context)

    def _story(self, record: models.Model) -> list[TimelineLine]:
        return timeline(latest_entries(record), self._action_words)

    def _action_words(self, entry: AuditEntry) -> str:
        return str(self.action_words.get(entry.action, entry.action))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """The form alone: buttons belong to the page."""
        response = super().render_change_form(request, context, *args, **kwargs)
        context["actions_detail"] = []
        return response

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return HttpResponseRedirect(self.address_of(obj))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return HttpResponseRedirect(self.address_of(obj))

    def address_of(self, record: models.Model) -> str:
        """The address of a record's page."""
        return reverse(f"{self.admin_site.name}:{self._url_name('change')}", args=(record.pk,))
