"""`python -m integrations.sandbox`: the sandbox without Django's start-up, as the tests start it."""

import argparse
import sys

from django.apps import apps
from django.conf import settings

from .main import add_arguments, run
from .runner import ROOT

if __name__ == "__main__":
    # Enough of Django for the page's templates and their translation; `django.setup()` would import its whole ORM.
    settings.configure(INSTALLED_APPS=[], USE_I18N=True, LANGUAGE_CODE="en", LOCALE_PATHS=[ROOT / "locale"])
    apps.populate([])
    parser = argparse.ArgumentParser(prog="python -m integrations.sandbox", description="Imitated services. Not real.")
    add_arguments(parser)
    sys.exit(run(vars(parser.parse_args())))
