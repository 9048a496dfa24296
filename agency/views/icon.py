"""The icon that browsers ask for at the root of a site."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.views.decorators.http import require_safe


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """To the static file, whatever its name is after collecting."""
    return HttpResponseRedirect(static("agency/favicon.ico"))
