"""Fallback chains: who stands in for whom, in which order, and what became of each attempt."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from agency.admin.asked import signed_in
from agency.admin.base import RecordAdmin
from agency.admin.buttons import OperationButton
from agency.admin.forms import RecordForm, word_choices
from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.selectors.access import sees_everything
from integrations.chains import chains
from integrations.models import ChainAttempt, Connection, FallbackChain
from integrations.operations.chains import PLACES, change_chain, create_chain, remove_chain
from integrations.registry import manifests
from integrations.selectors.chains import visible_attempts, visible_chains


def _title(name: str) -> str:
    chain = chains().get(name)
    return name if chain is None else str(chain.title)


class ChainFilter(admin.SimpleListFilter):
    """By what the chain is used for."""

    title = gettext_lazy("used for")
    parameter_name = "chain"
    column = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every declared chain."""
        return [(name, str(chain.title)) for name, chain in chains().items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the chosen chain."""
        return queryset if self.value() is None else queryset.filter(**{self.column: self.value()})


class AttemptedChainFilter(ChainFilter):
    """The same, of attempts."""

    column = "chain"


class ChainForm(RecordForm):
    """The order of one chain. Only connections of services that any chain uses are offered; the operation says which do not fit."""

    decided_by_operation = ("name", "client", *PLACES)

    class Meta:
        model = FallbackChain
        fields = ("name", "client", *PLACES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields:
            offered = [(name, _choice(name)) for name in chains()]
            self.fields["name"] = forms.ChoiceField(
                label=self.fields["name"].label, choices=offered, widget=UnfoldAdminSelectWidget()
            )
        for place in PLACES:
            if place in self.fields:
                word_choices(self, place, _connection_words)


def _choice(name: str) -> str:
    chain = chains()[name]
    titles = [manifests()[slug].title for slug in chain.services if slug in manifests()]
    return f"{chain.title} ({' → '.join(titles)})" if titles else str(chain.title)


def _connection_words(connection: Connection) -> str:
    manifest = manifests().get(connection.service)
    title = connection.service if manifest is None else manifest.title
    return f"{connection.name} ({title})"


def _remove(actor: Actor, chain: FallbackChain, answers: Mapping[str, Any]) -> HttpResponseRedirect:
    remove_chain(actor=actor, chain_id=chain.pk)
    return HttpResponseRedirect(reverse("admin:integrations_fallbackchain_changelist"))


def _remove_warning(chain: FallbackChain) -> str:
    if chain.client_id is not None:
        return _("From then on the order for everybody applies to this client.")
    return _("From then on the services stand in their usual order.")


@admin.register(FallbackChain)
class FallbackChainAdmin(RecordAdmin):
    """Orders that a person has chosen."""

    visible_to = staticmethod(visible_chains)
    list_select_related = ("client", "first", "second", "third", "fourth")
    list_display = ("title", "client", "order")
    list_filter = (ChainFilter, "client")
    form = ChainForm
    fixed_fields = ("name", "client")
    buttons = (
        OperationButton(
            "remove",
            gettext_lazy("Remove"),
            "integrations.delete_fallbackchain",
            run=_remove,
            warning=_remove_warning,
            variant=ActionVariant.DANGER,
        ),
    )

    @admin.display(description=gettext_lazy("used for"), ordering="name")
    def title(self, chain: FallbackChain) -> str:
        """What the chain is used for."""
        return _title(chain.name)

    @admin.display(description=gettext_lazy("order"))
    def order(self, chain: FallbackChain) -> str:
        """Its connections, and what happens when none of them was able to."""
        hops = [getattr(chain, place) for place in PLACES]
        known = chains().get(chain.name)
        last = [] if known is None else [str(known.last_step)]
        return " → ".join([hop.name for hop in hops if hop is not None] + last)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What for, whose, and the order."""
        text = _("If the first cannot do it, the second is asked, and so on: each at most once.")
        return [
            (None, {"fields": ["name" if obj is None else "title", "client"]}),
            (_("Order"), {"fields": list(PLACES), "description": text}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Its name is shown in words."""
        return (*super().get_readonly_fields(request, obj), "title")

    def create_record(self, actor: Actor, cleaned: Mapping[str, Any], request: HttpRequest) -> FallbackChain:
        """A new order."""
        if cleaned["client"] is None and not sees_everything(signed_in(request)):
            raise InvalidInput("client_required", _("Choose the client this is for."), "client")
        return create_chain(
            actor=actor, name=cleaned["name"], client=cleaned["client"], connections=_connections(cleaned)
        )

    def change_record(
        self, actor: Actor, chain: FallbackChain, cleaned: Mapping[str, Any], request: HttpRequest
    ) -> FallbackChain:
        """Another order."""
        return change_chain(actor=actor, chain_id=chain.pk, connections=_connections(cleaned))


def _connections(cleaned: Mapping[str, Any]) -> list[Connection]:
    """Those chosen, in order; an empty place between two is closed."""
    return [cleaned[place] for place in PLACES if cleaned[place] is not None]


@admin.register(ChainAttempt)
class ChainAttemptAdmin(RecordAdmin):
    """Every attempt of every chain."""

    visible_to = staticmethod(visible_attempts)
    list_select_related = ("client", "connection")
    list_display = ("attempted_at", "title", "position", "connection", "outcome", "code", "milliseconds", "client")
    list_filter = (AttemptedChainFilter, "outcome", "client")
    fields = (
        "attempted_at",
        "title",
        "position",
        "connection",
        "client",
        "outcome",
        "may_have_happened",
        "code",
        "text",
        "milliseconds",
        "purpose",
        "key",
    )

    @admin.display(description=gettext_lazy("used for"))
    def title(self, attempt: ChainAttempt) -> str:
        """What the chain is used for."""
        return _title(attempt.chain)
