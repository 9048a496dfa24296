"""URL map; packages are named by string only."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.utils.module_loading import import_string
from django.views.generic import RedirectView

# Whoever enters the admin comes through allauth, so that lockout and second factor hold there too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

api = import_string("agency.api.root.api")

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("accounts/invitation/<str:token>/", import_string("agency.views.invitation.invitation"), name="invitation"),
    path("accounts/preferences/", import_string("agency.views.preferences.preferences"), name="preferences"),
    path("accounts/", include("allauth.urls")),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/logout/", RedirectView.as_view(pattern_name="account_logout")),
    path(
        "admin/home/<slug:part>/", admin.site.admin_view(import_string("agency.admin.home.home_part")), name="home_part"
    ),
    path("admin/", admin.site.urls),
    path("favicon.ico", import_string("agency.views.icon.favicon")),
    path(
        "oauth/callback/",
        admin.site.admin_view(import_string("integrations.views.oauth.callback")),
        name="oauth_callback",
    ),
    path("u/<str:token>", import_string("messaging.views.unsubscribe.unsubscribe"), name="unsubscribe"),
    path("api/openapi.json", import_string("agency.api.root.openapi")),
    path("api/v1/", api.urls),
    path("api/<path:rest>", import_string("agency.api.root.unknown")),
    path("healthz", import_string("agency.views.health.healthz")),
    path("readyz", import_string("agency.views.health.readyz")),
    path("health/integrations", import_string("integrations.views.health.integrations"), name="health_integrations"),
    path("metrics", import_string("agency.views.health.metrics_page")),
]
