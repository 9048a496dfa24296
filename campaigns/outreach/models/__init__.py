"""Records of message campaigns."""

from campaigns.outreach.models.campaign import Campaign
from campaigns.outreach.models.execution import Execution
from campaigns.outreach.models.segment import Segment

__all__ = ["Campaign", "Execution", "Segment"]
