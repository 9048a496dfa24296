"""The ASGI application: the webhook door, and Django over HTTP behind it."""

import os

from django.core.asgi import get_asgi_application
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings.local")

django_application = get_asgi_application()
# By name, and only now: the door reads models, which exist once Django is set up.
application = import_string("integrations.door.WebhookDoor")(
    import_string("agency.views.body_limit.BodyLimit")(django_application)
)
