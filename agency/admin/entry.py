"""Records that are entered in a form: what was typed goes to the record's operation, and a refusal comes back into the form."""

from collections.abc import Callable
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from agency.admin.asked import actor_of
from agency.kit.errors import InvalidInput, OperationRefused


class _Refused(HttpRequest):
    """A request whose operation has refused."""

    refusal: OperationRefused


class EntryAdmin(ModelAdmin):
    """A form whose answers one operation takes; without `create_record` and `change_record` nothing can be entered."""

    create_record: Callable[..., models.Model] | None = None
    change_record: Callable[..., models.Model] | None = None
    fixed_fields: tuple[str, ...] = ()  # chosen once, when the record is made

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.create_record is not None and bool(super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.change_record is not None and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        fixed = () if obj is None else self.fixed_fields
        return (*super().get_readonly_fields(request, obj), *fixed)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Call the record's operation with what was entered; the instance that Django's form built is not saved."""
        call = self.change_record if change else self.create_record
        if call is None:
            raise PermissionDenied
        arguments = (obj,) if change else ()
        saved = call(actor_of(request), *arguments, form.cleaned_data, request)
        obj.pk, obj._state.adding = saved.pk, False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Relations are written by the operation."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Operations write the one audit log."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Operations write the one audit log."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Django's page; a refusal by the operation is shown in the form, with everything that was typed."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except OperationRefused as refusal:
            cast(_Refused, request).refusal = refusal
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        refusal = getattr(request, "refusal", None)
        return form if refusal is None else _refused(form, refusal)


def add_refusal(form: Any, refusal: OperationRefused) -> None:
    """Say in the form what the operation refused, beside the field it is about."""
    field = refusal.field if isinstance(refusal, InvalidInput) and refusal.field in form.fields else None
    form.add_error(field, refusal.text)


def _refused(form: type[Any], refusal: OperationRefused) -> type[Any]:
    """The same form, knowing already that the operation refused."""

    class Refused(form):
        def _post_clean(self) -> None:
            super()._post_clean()
            add_refusal(self, refusal)

    Refused.__name__ = form.__name__
    return Refused
