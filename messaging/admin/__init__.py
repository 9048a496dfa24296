"""Messaging in the admin. Each module registers its records; it is imported here, one line each."""
