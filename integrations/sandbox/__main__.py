"""`python -m integrations.sandbox`: the sandbox without Django's start-up, as the tests start it."""

import argparse
import sys

import django
from django.conf import settings

from .main import add_arguments, run
from .runner import ROOT

if __name__ == "__main__":
    # Enough of Django for the page's templates and their translation; the rest of the product is not loaded.
    settings.configure(INSTALLED_APPS=[], USE_I18N=True, LANGUAGE_CODE="en", LOCALE_PATHS=[ROOT / "locale"])
    django.setup()
    parser = argparse.ArgumentParser(prog="python -m integrations.sandbox", description="Imitated services. Not real.")
    add_arguments(parser)
    sys.exit(run(vars(parser.parse_args())))
