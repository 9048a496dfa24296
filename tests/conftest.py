"""What holds for every test."""

from hypothesis import settings

# No time limit per example: a busy machine says nothing about a rule. Few, but the same, examples in every run.
settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")
