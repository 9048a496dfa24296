"""Webhooks in: the ASGI door that stores deliveries, and what every service's `webhook.py` shares."""
