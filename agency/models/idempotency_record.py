"""The first answer to a POST, kept so that its repetition gets the same answer and has no second effect."""

from django.db import models


class IdempotencyRecord(models.Model):
    """`digest` is the SHA-256 of method, path and body: the same key with another request is refused."""

    user_id = models.BigIntegerField()
    key = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    status = models.SmallIntegerField(null=True)  # null: the first request is still running, or died
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user_id", "key"], name="one_answer_per_user_and_key")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return self.key
