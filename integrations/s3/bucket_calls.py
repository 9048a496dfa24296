"""Calls that concern a bucket as a whole."""

import abc
from typing import Any

from integrations.errors import Refused
from integrations.s3.answers import field_of
from integrations.s3.buckets import MEDIA_UPLOADS

ABANDONED_DAYS = 7  # after which the parts of a broken upload are removed


class BucketCalls(abc.ABC):
    """The part of a store's client that makes and arranges buckets."""

    _prefix: str
    _region: str

    @abc.abstractmethod
    def _run(self, operation: str, method: str, **given: Any) -> dict[str, Any]: ...

    @abc.abstractmethod
    def _bodiless(self, operation: str, method: str, status: int | tuple[int, ...], **given: Any) -> None: ...

    def create_bucket(self, bucket: str) -> None:
        """Make a bucket; one that is ours already stays as it is."""
        where = {} if self._region in ("us-east-1", "auto") else {"LocationConstraint": self._region}
        more = {"CreateBucketConfiguration": where} if where else {}
        try:
            self._bodiless("create_bucket", "create_bucket", 200, Bucket=self._prefix + bucket, **more)
        except Refused as error:
            if error.code != "BucketAlreadyOwnedByYou":
                raise

    def bucket_exists(self, bucket: str) -> bool:
        """Whether the bucket is there and ours."""
        return self._is_there("bucket_exists", bucket)

    def set_expiry(self, bucket: str, days: int) -> None:
        """Let files go by themselves after `days` (0: never), and parts of broken uploads after a week."""
        rules: list[dict[str, Any]] = [
            {
                "ID": "broken-uploads",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABANDONED_DAYS},
            }
        ]
        if days:
            rules.append({"ID": "expiry", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": days}})
        self._bodiless(
            "set_expiry",
            "put_bucket_lifecycle_configuration",
            200,
            Bucket=self._prefix + bucket,
            LifecycleConfiguration={"Rules": rules},
        )

    def get_expiry(self, bucket: str) -> int:
        """After how many days files go by themselves; 0 = never."""
        try:
            answer = self._run("get_expiry", "get_bucket_lifecycle_configuration", Bucket=self._prefix + bucket)
        except Refused as error:
            if error.code == "NoSuchLifecycleConfiguration":
                return 0
            raise
        expiring = [rule for rule in field_of(answer, "get_expiry", "Rules") if "Expiration" in rule]
        return int(field_of(expiring[0]["Expiration"], "get_expiry", "Days")) if expiring else 0

    def publish_bucket(self, bucket: str) -> None:
        """Let anybody read the files. R2 knows no such rule and refuses (NotImplemented): there a domain is tied to the bucket instead."""
        own = self._prefix + bucket
        rule = (
            '{"Version":"2012-10-17","Statement":[{"Sid":"PublicRead","Effect":"Allow","Principal":"*",'
            f'"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::{own}/*"]}}]}}'
        )
        self._bodiless("publish_bucket", "put_bucket_policy", (200, 204), Bucket=own, Policy=rule)

    def is_prepared(self) -> bool:
        """Whether the buckets have been made; also the check of health."""
        return self._is_there("health", MEDIA_UPLOADS.name)

    def _is_there(self, operation: str, bucket: str) -> bool:
        try:
            self._bodiless(operation, "head_bucket", 200, Bucket=self._prefix + bucket)
        except Refused as error:
            if error.code in ("404", "NoSuchBucket"):
                return False
            raise
        return True
