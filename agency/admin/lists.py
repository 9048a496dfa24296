"""Lists of the admin that stay fast at a hundred million rows: no full count, no deep offsets, no search through all rows for a
rare one, no foreign names in filters."""

import time
from typing import Any

from django.contrib.admin import RelatedFieldListFilter
from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.views import ChangeList

COUNT_LIMIT = 10_000  # rows; what a person pages through. Beyond, one filters, searches or goes on by key
OFFERED = 200  # records of a filter
LOOK = 50_000  # keys, newest first, that a list looks through at a time where no index answers
LOOK_SECONDS = 0.1  # it goes on looking for a first row this long, then says so and offers to look further


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts to `COUNT_LIMIT` and stops; `is_more` says whether it stopped there."""

    template_name = "admin/batuta/pagination.html"

    @cached_property
    def bounded(self) -> int:
        """Rows found, at most one above the limit."""
        rows = self.object_list
        if isinstance(rows, models.QuerySet):
            return rows.order_by().values("pk")[: COUNT_LIMIT + 1].count()
        return len(rows)

    @cached_property
    def count(self) -> int:
        return min(self.bounded, COUNT_LIMIT)

    @property
    def is_more(self) -> bool:
        return self.bounded > COUNT_LIMIT


class RecordList(ChangeList):
    """The list of one record: masks what the reader may not see, and goes on by key where counted pages end."""

    queryset: models.QuerySet[Any]

    def get_results(self, request: HttpRequest) -> None:
        listed = self.queryset
        self.looked_to = self._look(request) if self.by_key() and self.model_admin.must_look(request) else None
        if self.looked_to is not None:
            self.queryset = listed.filter(pk__gte=self.looked_to)
        super().get_results(request)
        self.queryset = listed  # what a file of the list is made of
        self.result_list: list[Any] = [self.model_admin.mask(request, record) for record in self.result_list]
        self.complete(self.result_list)
        self.previous_url = self.get_query_string({PAGE_VAR: self.page_num - 1}) if self.page_num > 1 else ""
        self.next_url = self._next_url()
        self.count_text = self._count_text()
        self.full_result_count = self.result_count  # else the page title offers to "show all"

    def _look(self, request: HttpRequest) -> int | None:
        """The key down to which this page looks: a window of the newest, more of them while nothing is found. None: to the end."""
        keys = self.model._default_manager.order_by("pk").values_list("pk", flat=True)
        oldest, newest = keys.first(), keys.last()
        if oldest is None or newest is None:
            return None
        before = request.GET.get("id__lt", "")
        top = int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else newest + 1
        ends = time.monotonic() + LOOK_SECONDS
        rows = self.queryset.order_by()
        while (bottom := top - LOOK) > oldest:
            if rows.filter(pk__gte=bottom, pk__lt=top).exists() or time.monotonic() > ends:
                return bottom
            top = bottom
        return None

    def complete(self, records: list[Any]) -> None:
        """Add to the records of a page, or of a piece of the list's file, what is best asked for all of them at once."""

    def _next_url(self) -> str:
        if self.page_num * self.list_per_page < self.result_count:
            return str(self.get_query_string({PAGE_VAR: self.page_num + 1}))
        if self.paginator.is_more and self.result_list and self.by_key():
            return str(self.get_query_string({"id__lt": self.result_list[-1].pk}, [PAGE_VAR]))
        if self.looked_to is not None:
            return str(self.get_query_string({"id__lt": self.looked_to}, [PAGE_VAR]))
        return ""

    def get_ordering_field(self, field_name: Any) -> Any:
        """None, too, for what the reader may not order by: Django draws no link for it, but would obey an address."""
        return super().get_ordering_field(field_name) if field_name in self.sortable_by else None

    def by_key(self) -> bool:
        """Whether the list is in its default order, newest first."""
        return not (self.params.get("o") and self.sortable_by) and list(self.model_admin.ordering or ()) == ["-id"]

    def _count_text(self) -> str:
        if self.paginator.is_more:
            return _("more than %(number)s") % {"number": number_format(COUNT_LIMIT, force_grouping=True)}
        if self.looked_to is not None:
            found = number_format(self.result_count, force_grouping=True)
            return _("%(number)s found so far; older ones were not looked through yet") % {"number": found}
        return ngettext("%(number)s record", "%(number)s records", self.result_count) % {
            "number": number_format(self.result_count, force_grouping=True)
        }


class VisibleRelatedFilter(RelatedFieldListFilter):
    """A filter over a related record that offers only records its reader may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        related = model_admin.admin_site._registry.get(field.remote_field.model)
        if related is None:
            return []
        return [(record.pk, str(record)) for record in related.get_queryset(request)[:OFFERED]]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> Any:
        """Nothing at once for what is not offered: the database would read everything of a big client to find that out."""
        chosen = self.used_parameters.get(self.lookup_kwarg)
        keys = {str(key) for key, _name in self.lookup_choices}
        if (
            chosen
            and len(keys) < OFFERED
            and keys.isdisjoint(map(str, chosen if isinstance(chosen, list) else [chosen]))
        ):
            return queryset.none()
        return super().queryset(request, queryset)
