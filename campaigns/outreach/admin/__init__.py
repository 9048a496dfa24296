"""Campaigns in the admin."""

from campaigns.outreach.admin import campaigns, executions, home, segments

__all__ = ["campaigns", "executions", "home", "segments"]
