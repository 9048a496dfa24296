"""Importing contacts: drop a file, see how its columns were understood, mend, try it out, run it, see what came of it."""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant

from agency.admin.asked import actor_of, signed_in
from agency.admin.base import PERSONAL, RecordAdmin
from agency.admin.buttons import ButtonForm, OperationButton
from agency.admin.columns import state_column
from agency.admin.downloads import csv_response
from agency.admin.forms import records_field
from agency.admin.words import number
from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.models import Client
from agency.operations.bulk_reads import note_bulk_read
from agency.rules.roles import IMPORT_CONTACTS
from agency.selectors.access import visible_clients
from messaging.admin.import_page import columns_context, live_context, look_at, preview_context, result_context
from messaging.admin.import_words import TONES, mapping_from
from messaging.imports.rows import UnreadableFile
from messaging.models import ContactImport
from messaging.operations.import_drafts import discard_import, receive_file, start_import
from messaging.operations.imports import store_upload
from messaging.selectors.imports import may_discard, may_start
from messaging.selectors.visible import visible_imports
from messaging.states import ImportState

PIECE = 256 * 1024  # bytes of a file sent at a time


class UploadForm(ButtonForm):
    """A file, and whose contacts are in it."""

    client = forms.ModelChoiceField(label=gettext_lazy("Client"), queryset=Client.objects.none())
    file = forms.FileField(
        label=gettext_lazy("File"),
        max_length=255,
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}),
        help_text=gettext_lazy("CSV or Excel (.xlsx), at most 1 GB. The first row names the columns."),
    )

    def narrow(self) -> None:
        """Only clients the person sees; the only one is chosen already."""
        clients = visible_clients(self.user)
        records_field(self, "client").queryset = clients
        first = list(clients[:2])
        if len(first) == 1:
            self.fields["client"].initial = first[0].pk


def _discard(actor: Actor, record: ContactImport, answers: Mapping[str, Any]) -> HttpResponse:
    discard_import(import_id=record.pk, actor=actor)
    return HttpResponseRedirect(reverse("admin:messaging_contactimport_changelist"))


@admin.register(ContactImport)
class ContactImportAdmin(RecordAdmin):
    """Files of contacts: what came of each, and the way in for the next."""

    visible_to = staticmethod(visible_imports)
    list_select_related = ("client", "created_by")
    list_display = (
        "file_name",
        "client",
        "state_label",
        "rows_read",
        "created_rows",
        "updated_rows",
        "rejected_rows",
        "created_by",
        "uploaded",
    )
    state_label = state_column(TONES)
    list_filter = ("client", "state", "dry_run")
    buttons = (
        OperationButton(
            "discard",
            gettext_lazy("Throw the file away"),
            IMPORT_CONTACTS,
            run=_discard,
            warning=lambda record: _("The uploaded file is deleted. No contact came of it, and none is touched."),
            shown=may_discard,
            icon="delete",
            variant=ActionVariant.DEFAULT,
        ),
    )

    # The list ---------------------------------------------------------------------------------------------------------
    @admin.display(description=gettext_lazy("rows"))
    def rows_read(self, record: ContactImport) -> str:
        """Rows of the file; a dry run is marked, because it wrote nothing."""
        if record.state == ImportState.DRAFT:
            return "–"
        rows = number(record.rows)
        return _("%(rows)s (dry run)") % {"rows": rows} if record.dry_run else rows

    @admin.display(description=gettext_lazy("uploaded"), ordering="created_at")
    def uploaded(self, record: ContactImport) -> dt.datetime:
        """When the file came."""
        return record.created_at

    @admin.display(description=gettext_lazy("new people"))
    def created_rows(self, record: ContactImport) -> str:
        """Contacts made."""
        return number(record.created)

    @admin.display(description=gettext_lazy("changed"))
    def updated_rows(self, record: ContactImport) -> str:
        """Contacts changed."""
        return number(record.updated)

    @admin.display(description=gettext_lazy("rejected"))
    def rejected_rows(self, record: ContactImport) -> str:
        """Rows that could not be used."""
        return number(record.rejected)

    # Addresses ----------------------------------------------------------------------------------------------------------
    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may import."""
        return bool(request.user.has_perm(IMPORT_CONTACTS))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<path:object_id>/columns/", view(self.columns), name="messaging_contactimport_columns"),
            path("<path:object_id>/live/", view(self.live), name="messaging_contactimport_live"),
            path("<path:object_id>/rejected/", view(self.rejected), name="messaging_contactimport_rejected"),
        ]
        return [*own, *super().get_urls()]

    # Drop a file ----------------------------------------------------------------------------------------------------------
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The form for a file; then the page of its columns."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        given = (request.POST, request.FILES) if request.method == "POST" else ()
        form = UploadForm(*given, user=signed_in(request))
        if request.method == "POST" and form.is_valid():
            try:
                return self._to(self._receive(request, form.cleaned_data))
            except InvalidInput as refusal:
                form.add_error("file", refusal.text)
        return self.show(request, "messaging/import_new.html", _("Import contacts"), form=form)

    def _receive(self, request: HttpRequest, cleaned: Mapping[str, Any]) -> ContactImport:
        upload = cleaned["file"]
        stored = store_upload(upload.chunks())
        try:
            return receive_file(
                client=cleaned["client"],
                path=stored,
                file_name=(upload.name or "upload").replace("\x00", ""),
                actor=actor_of(request),
            )
        except Exception:
            stored.unlink(missing_ok=True)
            raise

    def _to(self, record: ContactImport) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:messaging_contactimport_change", args=(record.pk,)))

    # Columns, run, result -------------------------------------------------------------------------------------------------
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One page for the file's whole way: its columns while it may start, its bar while it runs, its result afterwards."""
        record = self.seen(request, object_id)
        may_import = request.user.has_perm(IMPORT_CONTACTS)
        mapping, country, refusal = record.mapping, record.country, ""
        if request.method == "POST":
            if not may_import:
                raise PermissionDenied
            mapping, country = mapping_from(request.POST), request.POST.get("country", "").strip().upper()[:2]
            try:
                start_import(
                    import_id=record.pk,
                    mapping=mapping,
                    country=country,
                    dry_run=request.POST.get("do") != "run",
                    actor=actor_of(request),
                )
                return self._to(record)
            except OperationRefused as error:
                refusal = error.text
        personal = request.user.has_perm(PERSONAL)
        context: dict[str, Any] = {
            **live_context(record),
            **result_context(record, personal=personal),
            "refusal": refusal,
            "country": country,
            "may_import": may_import,
            "links": self._links(request, self.buttons, "change_do", record),
        }
        if may_import and may_start(record):
            try:
                look = look_at(record, mapping, country)
            except UnreadableFile as error:
                context["unreadable"] = error.text
            else:
                context |= {} if look is None else columns_context(record, look, mapping, personal=personal)
        return self.show(request, "messaging/import.html", record.file_name, **context)

    def columns(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How the first rows would be read with what the form says now: POST, answered by a fragment. Nothing is kept."""
        record = self.seen(request, object_id)
        if not request.user.has_perm(IMPORT_CONTACTS):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        mapping, country = mapping_from(request.POST), request.POST.get("country", "").strip().upper()[:2]
        try:
            look = look_at(record, mapping, country) if may_start(record) else None
        except UnreadableFile as error:
            return TemplateResponse(request, "messaging/import_preview.html", {"problem": error.text})
        if look is None:
            raise Http404
        personal = request.user.has_perm(PERSONAL)
        context = preview_context(record, look, mapping, personal=personal)
        return TemplateResponse(request, "messaging/import_preview.html", {**context, "again": True})

    def live(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The moving part, asked for each second by the page; at the end it makes the page load again."""
        record = self.seen(request, object_id)
        context = live_context(record)
        response = TemplateResponse(request, "messaging/import_live.html", context)
        if not context["moving"]:
            response["HX-Refresh"] = "true"
        return response

    def rejected(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """The rejected rows with their reasons as CSV, for those who may read personal data."""
        record = self.seen(request, object_id)
        if not request.user.has_perm(PERSONAL):
            raise PermissionDenied
        file = Path(record.rejected_path)
        if not record.rejected_path or not file.is_file():
            messages.info(request, _("There is no file of rejected rows for this import."))
            return self._to(record)
        note_bulk_read(
            subject=record,
            client=record.client,
            what="rejected_rows",
            details={"rows": record.rejected},
            actor=actor_of(request),
        )
        name = f"{Path(record.file_name).stem}.rejected.csv"
        return csv_response(request, _pieces(file), name)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(PIECE):
            yield piece
