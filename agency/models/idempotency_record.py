"""The first answer to a POST, kept so that its repetition gets the same answer and has no second effect."""

from django.db import models


class IdempotencyRecord(models.Model):
    """`digest` is the SHA-256 of method, path and content: the same key with another request is refused. Written in the transaction of the
    effect, so there is never one without the other."""

    user_id = models.BigIntegerField()
    key = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    status = models.SmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user_id", "key"], name="one_answer_per_user_and_key")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return self.key
