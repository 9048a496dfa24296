"""Schedules as pure values: rules, their text, and the instants ("slots") they name in a time zone."""

from agency.kit.slots.instants import next_slot, slots
from agency.kit.slots.rules import (
    LAST_DAY,
    Cron,
    Daily,
    Monthly,
    Once,
    QuarterEnd,
    Recurrence,
    Rule,
    RuleError,
    Weekly,
)
from agency.kit.slots.text import RULE_FORMS, as_cron, normal_rule_text, parse_rule

__all__ = [
    "LAST_DAY",
    "RULE_FORMS",
    "Cron",
    "Daily",
    "Monthly",
    "Once",
    "QuarterEnd",
    "Recurrence",
    "Rule",
    "RuleError",
    "Weekly",
    "as_cron",
    "next_slot",
    "normal_rule_text",
    "parse_rule",
    "slots",
]
