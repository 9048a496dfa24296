"""Campaigns in the admin."""

from campaigns.outreach.admin import actions, campaigns, executions, home, segments

__all__ = ["actions", "campaigns", "executions", "home", "segments"]
