"""The ASGI application: the webhook door, and behind it Django over HTTP and the live pages over WebSocket."""

import os
import sys

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured
from django.urls import path
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings.local")

try:
    django_application = get_asgi_application()
except ImproperlyConfigured as error:
    sys.exit(str(error))  # a sentence in the log of the web server, and not fifty lines before it
# By name, and only now: consumers and the door read models, which exist once Django is set up.
routes = [path(route, import_string(consumer).as_asgi()) for route, consumer in settings.LIVE_PAGES.items()]
application = import_string("integrations.door.WebhookDoor")(
    ProtocolTypeRouter(
        {
            "http": import_string("agency.views.body_limit.BodyLimit")(django_application),
            # Only pages of our own hosts may open a socket, and it is the session's person who reads.
            "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(routes))),
        }
    )
)
