"""Campaigns in the admin."""

from campaigns.outreach.admin import campaigns, executions, segments

__all__ = ["campaigns", "executions", "segments"]
