"""The buckets that the agency keeps its files in: what for, who reads them, and when files in them go by themselves."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from integrations.manifest import Text


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket. `keep_days` 0 keeps files until somebody deletes them; parts of broken uploads go after a week everywhere."""

    name: str
    what: Text
    is_public: bool = False
    keep_days: int = 0


MEDIA_UPLOADS = Bucket("media-uploads", _("What people upload: photos, videos, PDFs"))
GENERATED_CONTENT = Bucket("generated-content", _("What language and image models made"))
CONTRACTS = Bucket("contracts", _("Contracts and legal documents"))
INVOICES = Bucket("invoices", _("Tax invoices and payment slips"))
BACKUPS = Bucket("backups", _("Dumps of the database and copies of media"))
EXPORTS = Bucket("exports", _("Reports and lists, CSV and PDF"), keep_days=7)
PUBLIC_ASSETS = Bucket(
    "public-assets", _("Logos and other files that anybody may see, served by the CDN"), is_public=True
)

BUCKETS = (MEDIA_UPLOADS, GENERATED_CONTENT, CONTRACTS, INVOICES, BACKUPS, EXPORTS, PUBLIC_ASSETS)
