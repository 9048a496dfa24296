"""A Django app for the other sides' model; installed only in the benchmark's settings."""

from django.apps import AppConfig


class UsualConfig(AppConfig):
    name = "benchmarks.usual"
    label = "bench"
