"""WhatsApp Cloud API by Meta."""
