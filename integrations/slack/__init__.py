"""Slack: messages to the team, with buttons."""
