#!/usr/bin/env python
"""Django's command line for Batuta; `make help` lists the everyday commands."""

import os
import sys

from django.core.management import execute_from_command_line

from agency.kit.keys import fresh_keys

if __name__ == "__main__":
    if sys.argv[1:] == ["doctor", "--keys"]:
        print(fresh_keys())  # noqa: T201  # before the settings are read, which in production refuse to be without keys
        sys.exit()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings.local")
    execute_from_command_line(sys.argv)
