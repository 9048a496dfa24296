"""Automations and the clock that starts them: Beat, its lease, the slot ledger and the schedules."""
