"""The one base of every admin page: what it shows is visible, fast and read-only unless an operation says otherwise.

A record's admin is declarations:

    @admin.register(Sender)
    class SenderAdmin(RecordAdmin):
        visible_to = staticmethod(selectors.visible_senders)        # required: (user) -> QuerySet; the one place that decides
        list_select_related = ("client", "connection")              # required, () where nothing related is shown
        list_display = ("name", "client", "channel", "state")
        list_filter = ("client", "channel", "state")                # relations offer only visible records by themselves
        masked_fields = {"address": PERSONAL}                       # dotted with "__" through select_related: "contact__phone"
        buttons = (OperationButton("pause", _("Pause"), "messaging.change_sender", run=pause),)     # above one record
        list_buttons = ()                                           # above the list

- Records are read-only. `buttons` change state (`agency.admin.buttons`). A page with input fields declares `form` or `fields`, and
  implements `create_record(actor, cleaned, request)` and/or `change_record(actor, record, cleaned, request)`; each calls one operation and
  returns the record. `OperationRefused` from it comes back as a form error, `InvalidInput.field` beside its field. Deleting is a button too.
  `fixed_fields` are chosen once; a form for new records that differs has Unfold's `add_fieldsets`. Forms begin with `agency.admin.forms`.
- A record that is rather read than filled in is a `PageAdmin` (`agency.admin.pages`).
- `search(text)` returns a Q that an index answers (exact or prefix); then give a `search_help_text`. Without it there is no search box.
- Lists never count beyond 10,000 rows and are ordered by `-id`; `ordering` may be changed only for tables that stay small. A big table has
  `sortable_by = ()`, and names in `looked_through` the filters that no index answers: such a list looks through the newest rows, piece by piece.
- Every list can be taken away as CSV by whoever sees it (`agency.admin.exporting`): narrowed and ordered as shown, masked as shown, noted in the
  audit log where it holds clear personal data. `export_columns` where the file's differ from the list's; `may_export` to narrow who.
- `masked_fields` names personal data and money with the permission to read them. Without it the values are masked on the instance itself, so
  lists, titles, details and `__str__` agree; they cannot be filtered by, ordered by or edited either.
- Every related choice (forms, filters, autocomplete) is narrowed to what the reader sees in that record's own admin.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import override
from unfold.enums import ActionVariant

from agency.admin.asked import actor_of, key_in, signed_in
from agency.admin.buttons import OperationButton
from agency.admin.downloads import csv_response
from agency.admin.entry import EntryAdmin, add_refusal
from agency.admin.exporting import MOST_ROWS, NOT_NARROWING, list_file
from agency.admin.lists import BoundedPaginator, RecordList, VisibleRelatedFilter
from agency.kit.errors import OperationRefused
from agency.operations.bulk_reads import note_bulk_read
from agency.rules import roles
from agency.rules.masking import masked
from agency.selectors.access import visible_clients

PERSONAL, MONEY = roles.PERSONAL_DATA, roles.MONEY


class RecordAdmin(EntryAdmin):
    """See the module's text."""

    visible_to: ClassVar[Callable[..., models.QuerySet[Any]]]
    buttons: tuple[OperationButton, ...] = ()
    list_buttons: tuple[OperationButton, ...] = ()
    masked_fields: ClassVar[Mapping[str, str]] = {}
    search: Callable[..., models.Q] | None = None
    exports: bool = True
    export_columns: tuple[str, ...] = ()  # those of the list where empty
    export_rows: int = MOST_ROWS
    looked_through: tuple[str, ...] = ()  # parameters of the list's address

    abstract: ClassVar[bool] = True  # a base of further admins, which registers nothing, says so in its own body
    paginator = BoundedPaginator
    ordering: tuple[str, ...] = ("-id",)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count every row of every choice
    list_per_page = 50
    list_max_show_all = 0
    actions = None
    save_as = False
    view_on_site = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__dict__.get("abstract"):
            return
        if not hasattr(cls, "visible_to"):
            raise TypeError(f"{cls.__name__} must name the selector `visible_to`")
        if not isinstance(cls.list_select_related, tuple):
            raise TypeError(f"{cls.__name__} must state `list_select_related` as a tuple")

    # What is seen ---------------------------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """The visible records, in the list's order."""
        return type(self).visible_to(request.user).order_by(*self.ordering)

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest | None) -> Any:
        """Choices of a related field: what the reader sees of that record; nothing where it has no admin."""
        related = self.admin_site._registry.get(db_field.remote_field.model)
        if not isinstance(related, RecordAdmin) or request is None:
            return db_field.remote_field.model._default_manager.none()
        seen = type(related).visible_to(request.user)
        return seen if seen.ordered else seen.order_by(*related.ordering)

    def seen(self, request: HttpRequest, object_id: str) -> Any:
        """The record of an address, masked for its reader. Raises Http404 where the reader sees none."""
        record = self.get_object(request, object_id) if self.has_view_permission(request) else None
        if record is None:
            raise Http404
        return record

    def show(self, request: HttpRequest, template: str, title: str, /, **context: Any) -> TemplateResponse:
        """A page of its own within the admin's frame."""
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return TemplateResponse(request, template, {**frame, **context})

    def must_look(self, request: HttpRequest) -> bool:
        """Whether what the list is asked for may be rare, and no index finds it."""
        return any(request.GET.get(name) for name in self.looked_through)

    def get_list_filter(self, request: HttpRequest) -> Any:
        return [self._narrow_filter(item) for item in super().get_list_filter(request)]

    def _narrow_filter(self, item: Any) -> Any:
        if not isinstance(item, str):
            return item
        try:
            field = self.model._meta.get_field(item)
        except FieldDoesNotExist:
            return item
        return (item, VisibleRelatedFilter) if field.is_relation else item

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[RecordList]:
        return RecordList

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Truthy where `search` exists: Django shows its box then, and asks `get_search_results`."""
        return ("pk",) if self.search is not None else ()

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        text = search_term.strip()
        if text and self.search is not None:
            queryset = queryset.filter(self.search(text))
        return queryset, False

    # Personal data and money ----------------------------------------------------------------------------------------------
    def hidden_fields(self, request: HttpRequest) -> list[str]:
        """The masked fields this reader may not see."""
        return [name for name, permission in self.masked_fields.items() if not request.user.has_perm(permission)]

    def mask(self, request: HttpRequest, record: models.Model) -> models.Model:
        """Replace on the instance what the reader may not see; such an instance is for showing only."""
        for name in self.hidden_fields(request):
            *relations, field = name.split("__")
            owner: Any = record
            for relation in relations:
                owner = getattr(owner, relation, None)
            if owner is not None:
                setattr(owner, field, masked(getattr(owner, field)))
        return record

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        record = super().get_object(request, object_id, from_field)
        return None if record is None else self.mask(request, record)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        if request is None or any(
            lookup == name or lookup.startswith(f"{name}__") for name in self.hidden_fields(request)
        ):
            return False
        return bool(super().lookup_allowed(lookup, value, request))

    def get_sortable_by(self, request: HttpRequest) -> list[Any]:
        hidden = self.hidden_fields(request)
        return [name for name in super().get_sortable_by(request) if name not in hidden]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        hidden = tuple(name for name in self.hidden_fields(request) if "__" not in name)
        return (*super().get_readonly_fields(request, obj), *hidden)

    # What may be done -----------------------------------------------------------------------------------------------------
    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_view_permission(request, obj))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        obj = kwargs.get("obj") or (args[3] if len(args) > 3 else None)
        if obj is not None:
            context["actions_detail"] = [
                *context.get("actions_detail", []),
                *self._links(request, self.buttons, "change_do", obj),
            ]
        return super().render_change_form(request, context, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        response = super().changelist_view(request, extra_context)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            links = self._links(request, self.list_buttons, "list_do", None)
            if self.may_export(request):
                links.append(self._export_link(request))
            response.context_data["actions_list"] = [*response.context_data.get("actions_list", []), *links]
        return response

    # The list as a file ---------------------------------------------------------------------------------------------------
    def may_export(self, request: HttpRequest) -> bool:
        """Whether the reader may take the list away: whoever sees it."""
        return self.exports and self.has_view_permission(request)

    def _export_link(self, request: HttpRequest) -> dict[str, Any]:
        query = request.GET.copy()
        for name in ("p", "e", "id__lt"):  # a page of the list, not the list
            query.pop(name, None)
        address = reverse(f"{self.admin_site.name}:{self._url_name('export')}")
        return {
            "title": _("Download (CSV)"),
            "icon": "download",
            "variant": ActionVariant.DEFAULT,
            "attrs": {},
            "path": f"{address}?{query.urlencode()}" if query else address,
        }

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """The list as it is narrowed and ordered, as CSV. A file of people is noted in the audit log before the first row leaves."""
        if not self.may_export(request):
            raise PermissionDenied
        try:
            shown = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse(f"{self.admin_site.name}:{self._url_name('changelist')}") + "?e=1")
        if PERSONAL in self.masked_fields.values() and request.user.has_perm(PERSONAL):
            self._note_export(request)
        pieces = list_file(shown, request, self.export_columns or shown.list_display, self.export_rows)
        return csv_response(request, pieces, f"{slugify(str(self.opts.verbose_name_plural))}.csv")

    def _note_export(self, request: HttpRequest) -> None:
        client = visible_clients(request.user).filter(pk=key_in(request, "client__id__exact") or 0).first()
        with override("en"):
            what = str(self.opts.verbose_name_plural)
        # The filters' names only: who was looked for may be erased one day, and the log stays.
        narrowed_by = sorted(name for name in request.GET if name not in NOT_NARROWING)
        note_bulk_read(
            subject=client or signed_in(request),
            client=client,
            what=what,
            details={"narrowed_by": narrowed_by} if narrowed_by else {},
            actor=actor_of(request),
        )

    # Buttons --------------------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("export/", view(self.export), name=self._url_name("export")),
            path("do/<slug:name>/", view(self.list_do), name=self._url_name("list_do")),
            path("<path:object_id>/do/<slug:name>/", view(self.change_do), name=self._url_name("change_do")),
        ]
        return [*own, *super().get_urls()]

    def _url_name(self, role: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{role}"

    def _links(
        self, request: HttpRequest, buttons: tuple[OperationButton, ...], role: str, record: Any
    ) -> list[dict[str, Any]]:
        """The buttons as Unfold's template draws them."""
        arguments = () if record is None else (record.pk,)
        return [
            {
                "title": button.label,
                "icon": button.icon,
                "variant": button.variant,
                "attrs": {},
                "path": reverse(f"{self.admin_site.name}:{self._url_name(role)}", args=(*arguments, button.name)),
            }
            for button in buttons
            if request.user.has_perm(button.permission) and button.shown(record)
        ]

    def change_do(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Ask, then do, what a button above one record says."""
        record = self.seen(request, object_id)
        back = reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_change", args=(record.pk,))
        return self._do(request, self.buttons, name, record, back)

    def list_do(self, request: HttpRequest, name: str) -> HttpResponse:
        """Ask, then do, what a button above the list says."""
        back = reverse(f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return self._do(request, self.list_buttons, name, None, back)

    def _do(
        self, request: HttpRequest, buttons: tuple[OperationButton, ...], name: str, record: Any, back: str
    ) -> HttpResponse:
        button = next((button for button in buttons if button.name == name), None)
        if button is None:
            raise Http404
        if not request.user.has_perm(button.permission):
            raise PermissionDenied
        make = partial(button.form, user=signed_in(request), record=record)
        form = make(request.POST, request.FILES) if request.method == "POST" else make()
        if request.method == "POST" and form.is_valid():
            try:
                outcome = button.run(actor_of(request), record, form.cleaned_data)
            except OperationRefused as refusal:
                add_refusal(form, refusal)
            else:
                if isinstance(outcome, HttpResponse):
                    return outcome
                messages.success(request, outcome)
                return HttpResponseRedirect(back)
        warning = button.warning(record)
        return self.show(
            request, "admin/batuta/ask.html", button.label, record=record, warning=warning, form=form, back=back
        )
