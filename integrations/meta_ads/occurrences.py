"""The words for what happens in an ad account, whether Meta's webhook told it or asking found it."""

OBJECT_CHANGED = "meta_ads.object_changed"  # a campaign, ad set or ad has another effective status: read it
OBJECT_ISSUES = "meta_ads.object_issues"  # Meta finds something wrong with one
OBJECT_PROCESSED = "meta_ads.object_processed"  # one has left IN_PROCESS
CREATIVE_FATIGUE = "meta_ads.creative_fatigue"
ACCOUNT_STATUS = "meta_ads.account_status"
LEAD = "meta_ads.lead"
REPORT_FINISHED = "meta_ads.report_finished"


def lead_name(lead_id: str) -> str:
    """A lead's event is named alike by webhook and by asking, so that it is acted upon once."""
    return f"lead:{lead_id}"
