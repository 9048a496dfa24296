"""Segments: conditions in sentences, how many people that is, and ten of them."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agency.admin.asked import key_of
from agency.admin.base import PERSONAL, RecordAdmin
from agency.admin.buttons import ButtonForm, OperationButton, dress
from agency.admin.forms import RecordForm, records_field
from agency.admin.words import number
from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput
from agency.models import Client
from agency.rules.masking import masked
from agency.selectors.access import visible_clients
from campaigns.outreach.admin.words import FIELD_WORDS, OP_WORDS, segment_sentence
from campaigns.outreach.models import Segment
from campaigns.outreach.operations.segments import add_usual_segments, change_segment, create_segment
from campaigns.outreach.rules.segment import FIELDS, OPS, FieldKind, read_segment
from campaigns.outreach.selectors.audience import segment_count, segment_sample
from campaigns.outreach.selectors.visible import visible_segments


class SegmentForm(RecordForm):
    """Name and conditions; a script turns the conditions into sentences to choose from."""

    conditions = forms.JSONField(
        label=gettext_lazy("conditions"),
        required=False,
        initial=dict,  # empty in the way the builder reads; a new segment has no instance to take it from
        widget=forms.Textarea(attrs={"rows": 6, "data-segment": "", "spellcheck": "false"}),
    )

    class Meta:
        model = Segment
        fields = ("client", "name", "conditions")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "conditions" in self.fields:
            field = self.fields["conditions"]
            dress(field)
            field.widget.attrs["data-words"] = json.dumps(_builder_words())
            field.widget.attrs["data-preview"] = reverse("admin:outreach_segment_preview")

    def clean_conditions(self) -> Any:
        conditions = self.cleaned_data["conditions"] or {}
        try:
            read_segment(conditions)
        except InvalidInput as refusal:
            raise forms.ValidationError(
                _("This is not understood (%(place)s): %(text)s"),
                params={"place": refusal.field, "text": refusal.text},
            ) from refusal
        return conditions


def _builder_words() -> dict[str, Any]:
    """Fields, comparisons and words for the builder."""
    kinds = {kind.value: sorted(op.value for op in ops) for kind, ops in OPS.items()}
    return {
        "fields": [[name, str(FIELD_WORDS[name]), FIELDS[name].value] for name in FIELDS]
        + [["attributes.", _("own field"), FieldKind.ATTRIBUTE.value]],
        "kinds": kinds,
        "ops": {op.value: str(words) for op, words in OP_WORDS.items()},
        "texts": {
            "all": _("People for whom all of this is true"),
            "any": _("People for whom any of this is true"),
            "not": _("not"),
            "add": _("Add a condition"),
            "remove": _("Remove"),
            "key": _("name of the field"),
            "value": _("value"),
            "list": _("values, with commas"),
            "everybody": _("No condition: everybody."),
            "json": _("As text"),
        },
    }


class ClientForm(ButtonForm):
    """Which client."""

    client = forms.ModelChoiceField(label=gettext_lazy("Client"), queryset=Client.objects.none())

    def narrow(self) -> None:
        """Only clients the person sees."""
        records_field(self, "client").queryset = visible_clients(self.user)


def _add_usual(actor: Actor, record: None, answers: Mapping[str, Any]) -> str:
    added = add_usual_segments(client=answers["client"], actor=actor)
    if not added:
        return _("This client has them already.")
    return _("Added: %(names)s.") % {"names": ", ".join(segment.name for segment in added)}


@admin.register(Segment)
class SegmentAdmin(RecordAdmin):
    """Saved filters over a client's contacts."""

    visible_to = staticmethod(visible_segments)
    list_select_related = ("client",)
    list_display = ("name", "client", "sentence", "created_at")
    list_filter = ("client",)
    form = SegmentForm
    fixed_fields = ("client",)
    fields = ("client", "name", "conditions")
    change_form_template = "outreach/segment_form.html"
    list_buttons = (
        OperationButton(
            "usual",
            gettext_lazy("Add the usual ones"),
            "outreach.add_segment",
            run=_add_usual,
            form=ClientForm,
            icon="playlist_add",
        ),
    )

    @admin.display(description=gettext_lazy("who"))
    def sentence(self, segment: Segment) -> str:
        """The conditions in words."""
        words = segment_sentence(read_segment(segment.conditions))
        return words if len(words) <= 120 else f"{words[:117]}…"

    def get_urls(self) -> list[URLPattern]:
        own = [path("preview/", self.admin_site.admin_view(self.preview), name="outreach_segment_preview")]
        return [*own, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """With the people of the stored conditions below the form."""
        obj = kwargs.get("obj") or (args[3] if len(args) > 3 else None)
        if obj is not None:
            context |= self._people(request, obj.client, obj.conditions)
        return super().render_change_form(request, context, *args, **kwargs)

    def preview(self, request: HttpRequest) -> HttpResponse:
        """How many and whom conditions mean that are not saved yet: POST `client` and `conditions`, answered by a fragment."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        client = visible_clients(request.user).filter(pk=key_of(request.POST.get("client", "")) or 0).first()
        context: dict[str, Any] = {"problem": _("Choose a client first.")}
        if client is not None:
            try:
                context = self._people(request, client, json.loads(request.POST.get("conditions", "") or "{}"))
            except (json.JSONDecodeError, RecursionError, InvalidInput) as error:
                context = {"problem": _("Not complete yet: %(text)s") % {"text": str(error)[:200]}}
        return TemplateResponse(request, "outreach/segment_people.html", context)

    def _people(self, request: HttpRequest, client: Client, conditions: Any) -> dict[str, Any]:
        node, now = read_segment(conditions), timezone.now()
        count = segment_count(client, node, now)
        sample = segment_sample(client, node, now)
        faces = [(contact.name, contact.phone or contact.email or "", contact.tags) for contact in sample or ()]
        if not request.user.has_perm(PERSONAL):
            faces = [(masked(name), masked(address), tags) for name, address, tags in faces]
        return {
            "segment_words": segment_sentence(node),
            "segment_number": number(count.number),
            "segment_exact": count.exact,
            "segment_few": not count.exact and count.number == 0,
            "segment_rare": sample is None,
            "segment_faces": faces,
            "segment_client": client,
        }

    def create_record(self, actor: Actor, cleaned: Mapping[str, Any], request: HttpRequest) -> Segment:
        """Keep a new filter."""
        return create_segment(
            client=cleaned["client"], name=cleaned["name"], conditions=cleaned["conditions"], actor=actor
        )

    def change_record(
        self, actor: Actor, segment: Segment, cleaned: Mapping[str, Any], request: HttpRequest
    ) -> Segment:
        """Change name and conditions."""
        return change_segment(
            segment_id=segment.pk, name=cleaned["name"], conditions=cleaned["conditions"], actor=actor
        )
