#!/usr/bin/env python
"""Django's command line for Batuta; `make help` lists the everyday commands."""

import os
import sys

from agency.kit.keys import fresh_keys
from agency.kit.startup import run

if __name__ == "__main__":
    if sys.argv[1:] == ["doctor", "--keys"]:
        print(fresh_keys())  # noqa: T201  # before the settings are read, which in production refuse to be without keys
        sys.exit()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings.local")
    run(sys.argv)
