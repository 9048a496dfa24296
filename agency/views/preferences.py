"""Where the signed-in person chooses language and time zone."""

import zoneinfo

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language_from_request, gettext_lazy, override
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from agency.kit.actor import Actor
from agency.models import User
from agency.operations.accounts import change_preferences


def languages() -> list[tuple[str, str]]:
    """Those that pages exist in, each in its own words; first the browser's."""
    own = []
    for code, _name in settings.LANGUAGES:
        with override(code):
            own.append((code, str(dict(settings.LANGUAGES)[code])))
    return [("", _("As the browser asks")), *own]


def zones() -> list[tuple[str, str]]:
    """Every zone that the machine knows; first the agency's."""
    agency = _("The agency's (%(zone)s)") % {"zone": settings.TIME_ZONE.replace("_", " ")}
    return [("", agency), *((zone, zone.replace("_", " ")) for zone in sorted(zoneinfo.available_timezones()))]


class PreferencesForm(forms.Form):
    """How pages speak to one person."""

    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=languages, required=False)
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=zones,
        required=False,
        help_text=gettext_lazy("Times on pages are shown on this clock. When campaigns send does not change."),
    )


@never_cache
@require_http_methods(["GET", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Ask, keep, and show the page again as it is from now on."""
    person = request.user
    if not isinstance(person, User):
        return redirect_to_login(request.get_full_path())
    form = PreferencesForm(
        request.POST if request.method == "POST" else None,
        initial={"language": person.language, "time_zone": person.time_zone},
    )
    if request.method == "POST" and form.is_valid():
        saved = change_preferences(
            actor=Actor.person(person.pk, person.get_username()), user_id=person.pk, **form.cleaned_data
        )
        with override(saved.language or get_language_from_request(request)):
            messages.success(request, _("Saved: language and time zone."))
        return HttpResponseRedirect(reverse("preferences"))
    return render(request, "accounts/preferences.html", {"form": form})
