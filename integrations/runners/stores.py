"""The buckets of the agency's stores."""

from collections.abc import Iterator
from typing import cast

from integrations.chains import chain_of
from integrations.connections import facts_of
from integrations.errors import AuthenticationFailed, NotConfigured, Refused
from integrations.models import Connection
from integrations.registry import build_client
from integrations.s3.bucket_calls import BucketCalls
from integrations.s3.buckets import BUCKETS, Bucket
from integrations.selectors.chains import hops_of


def agency_stores() -> list[Connection]:
    """The agency's stores in the order in which they are asked. Raises `NotConfigured` when there is none."""
    found = hops_of(chain_of("storage"), None)
    if not found:
        raise NotConfigured("s3", "connect", "connection_missing", "the agency has no connection to a store")
    return found


def prepare_stores() -> Iterator[str]:
    """Make what is missing in every store: buckets, their expiry, who may read. One line each; may be repeated.

    Raises the errors of `integrations.errors`.
    """
    for store in agency_stores():
        client = cast(BucketCalls, build_client(facts_of(store), capability="storage"))
        for bucket in BUCKETS:
            yield f"{store}: {bucket.name} {_prepared(client, bucket)}"


def _prepared(client: BucketCalls, bucket: Bucket) -> str:
    words = ["was there"]
    if not client.bucket_exists(bucket.name):
        client.create_bucket(bucket.name)
        words = ["made"]
    client.set_expiry(bucket.name, bucket.keep_days)
    if bucket.keep_days:
        words.append(f"files go after {bucket.keep_days} days")
    if bucket.is_public:
        words.append(_published(client, bucket))
    return ", ".join(words)


def _published(client: BucketCalls, bucket: Bucket) -> str:
    """R2 and accounts that block public access refuse: there a domain or the CDN is tied to the bucket by a person."""
    try:
        client.publish_bucket(bucket.name)
    except (Refused, AuthenticationFailed) as error:
        return f"not public ({error.code}): let the CDN read it in the provider's console"
    return "anybody may read"
