"""External services: clients, capabilities, webhooks in and out. Knows no campaign and no invoice."""
