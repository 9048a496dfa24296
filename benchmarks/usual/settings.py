"""The local settings with the benchmark's app."""

from agency.settings.local import *
from agency.settings.local import INSTALLED_APPS as _PRODUCT

INSTALLED_APPS = [*_PRODUCT, "benchmarks.usual"]
