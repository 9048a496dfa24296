"""The usual shape, as the Celery guide writes it: one task per recipient, a model read and saved with the ORM, `requests`."""
