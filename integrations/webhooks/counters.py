"""What the webhook door counts, for `/metrics`. One set a process."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter("batuta_webhook_requests", "Webhook requests by service and outcome", ("service", "outcome"))
STORED = Counter("batuta_webhook_events_stored", "Inbound events written")
DUPLICATES = Counter("batuta_webhook_events_duplicate", "Deliveries that were known already")
BATCH_SIZE = Histogram(
    "batuta_webhook_batch_size", "Inbound events in one commit", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500)
)
COMMIT_SECONDS = Histogram(
    "batuta_webhook_commit_seconds",
    "Time of one commit of inbound events",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0),
)
