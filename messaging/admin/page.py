"""What the pages of sending share: a page to read with its buttons, the form behind `?edit=1`, and what happened to the record."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from agency.admin.base import RecordAdmin
from agency.models import AuditEntry
from messaging.admin.words import ACTION_WORDS

HAPPENED = 12


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """Something that happened to a record."""

    at: dt.datetime
    actor: str
    what: str
    why: str


def timeline(record: models.Model) -> list[TimelineLine]:
    """The record's latest audit entries in words."""
    entries = AuditEntry.objects.filter(subject_type=record._meta.concrete_model._meta.label, subject_id=record.pk)  # type: ignore[union-attr]
    return [
        TimelineLine(
            entry.at,
            _("the system") if entry.actor.startswith("system:") else entry.actor,
            str(ACTION_WORDS.get(entry.action, entry.action)),
            entry.why,
        )
        for entry in entries.order_by("-id")[:HAPPENED]
    ]


class PageAdmin(RecordAdmin):
    """A record whose page is read first: `page_template`, filled by `page(request, record)`; a form, where it has one, is behind Edit."""

    abstract: ClassVar[bool] = True
    page_template: ClassVar[str]

    def page(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """What the template shows beside the record, its buttons and its story."""
        raise NotImplementedError

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page; with `?edit=1`, or when the form was sent, the form."""
        record = self.get_object(request, object_id) if self.has_view_permission(request) else None
        if record is None:
            raise Http404
        editable = self.has_change_permission(request, record)
        if editable and (request.method == "POST" or "edit" in request.GET):
            form: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
            return form
        links = self._links(request, self.buttons, "change_do", record)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(record),
            "record": record,
            "primary": next((link for link in links if str(link["variant"].value) == "primary"), None),
            "secondary": [link for link in links if str(link["variant"].value) != "primary"],
            "edit_url": f"{self.address_of(record)}?edit=1" if editable else "",
            "list_url": reverse(f"admin:{self._url_name('changelist')}"),
            "timeline": timeline(record),
            **self.page(request, record),
        }
        return TemplateResponse(request, self.page_template, context)

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
        return reverse(f"admin:{self._url_name('change')}", args=(record.pk,))


def numbers_in(request: HttpRequest, name: str, known: Sequence[int]) -> tuple[int, ...]:
    """The values of a query parameter that are among the known numbers, each once."""
    asked = (int(value) for value in request.GET.getlist(name) if value.isdecimal() and len(value) < 4)
    return tuple(value for value in dict.fromkeys(asked) if value in known)


def key_in(request: HttpRequest, name: str) -> int | None:
    """A record's key in a query parameter; None when it is missing or no key."""
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and 0 < len(value) < 19 else None
