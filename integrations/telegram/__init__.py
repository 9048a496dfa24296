"""Telegram: a bot that writes to the team and to clients' groups, with buttons."""
