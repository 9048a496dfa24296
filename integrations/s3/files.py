"""Django's files in the agency's own store, through django-storages; named in STORAGES while MEDIA_STORE is `s3`."""

from typing import Any

from storages.backends.s3 import S3Storage

from integrations.connections import agency_facts
from integrations.s3.buckets import MEDIA_UPLOADS
from integrations.s3.client import client_config

ADDRESS_SECONDS = 3600  # for which an address of a file is good
TIMEOUT = 60.0  # seconds without a word from the store


class MediaFiles(S3Storage):
    """Uploaded files: private, never overwritten, shown through addresses that end. The connection is read with a process's first file."""

    def get_default_settings(self) -> dict[str, Any]:
        """The library's settings from the agency's connection instead of Django's settings. Raises `NotConfigured`."""
        facts = agency_facts("s3")
        region = facts.setting("region", "us-east-1")
        return {
            **super().get_default_settings(),
            "access_key": facts.setting("access_key_id"),
            "secret_key": facts.secret("secret_access_key"),
            "bucket_name": facts.settings.get("bucket_prefix", "") + MEDIA_UPLOADS.name,
            "endpoint_url": facts.setting("endpoint").replace("{region}", region),
            "region_name": region,
            "file_overwrite": False,
            "default_acl": None,
            "querystring_auth": True,
            "querystring_expire": ADDRESS_SECONDS,
            "custom_domain": None,
            "client_config": client_config(TIMEOUT),
        }
