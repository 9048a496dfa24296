"""Where an invitation link leads."""

from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from agency.kit.errors import OperationRefused
from agency.operations.accounts import accept_invitation, invited_person


class FirstPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """The first password, twice."""

    new_password2 = forms.CharField(
        label=_("Password again"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for a password and set it; a spent link says so. Signing in follows, with all its checks."""
    try:
        person = invited_person(token)
        form = FirstPasswordForm(person, request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            accept_invitation(token=token, password=form.cleaned_data["new_password1"])
            return HttpResponseRedirect(reverse("account_login"))
    except OperationRefused as refusal:
        return render(request, "accounts/invitation.html", {"refusal": refusal.text}, status=410)
    return render(request, "accounts/invitation.html", {"form": form, "person": person})
