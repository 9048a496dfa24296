"""Lists of the admin that stay fast at a hundred million rows: no full count, no deep offsets, no foreign names in filters."""

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

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list: list[Any] = [self.model_admin.mask(request, record) for record in self.result_list]
        self.complete(self.result_list)
        self.previous_url = self.get_query_string({PAGE_VAR: self.page_num - 1}) if self.page_num > 1 else ""
        self.next_url = self._next_url()
        self.count_text = self._count_text()
        self.full_result_count = self.result_count  # else the page title offers to "show all"

    def complete(self, records: list[Any]) -> None:
        """Add to the records of a page, or of a piece of the list's file, what is best asked for all of them at once."""

    def _next_url(self) -> str:
        if self.page_num * self.list_per_page < self.result_count:
            return str(self.get_query_string({PAGE_VAR: self.page_num + 1}))
        if self.paginator.is_more and self.result_list and self.by_key():
            return str(self.get_query_string({"id__lt": self.result_list[-1].pk}, [PAGE_VAR]))
        return ""

    def by_key(self) -> bool:
        """Whether the list is in its default order, newest first."""
        return not self.params.get("o") and list(self.model_admin.ordering or ()) == ["-id"]

    def _count_text(self) -> str:
        if self.paginator.is_more:
            return _("more than %(number)s") % {"number": number_format(COUNT_LIMIT, force_grouping=True)}
        return ngettext("%(number)s record", "%(number)s records", self.result_count) % {
            "number": number_format(self.result_count, force_grouping=True)
        }


class VisibleRelatedFilter(RelatedFieldListFilter):
    """A filter over a related record that offers only records its reader may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, Any]]:
        related = model_admin.admin_site._registry.get(field.remote_field.model)
        if related is None:
            return []
        return [(record.pk, str(record)) for record in related.get_queryset(request)[:200]]
