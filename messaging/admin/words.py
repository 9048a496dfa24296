"""Sending in words: states with their colour, and for each message that did not go out the reason, for people who did not build this."""

from collections.abc import Mapping

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agency.admin.words import Tone, moment, sentence
from messaging.models import Recipient
from messaging.states import (
    JobState,
    MailCheckState,
    Reason,
    RecipientState,
    SenderState,
    SuppressionReason,
    TemplateState,
)

WAITING, LOOK, BROKEN = Tone("waiting", "schedule"), Tone("look", "help"), Tone("broken", "error")
RECIPIENT_TONES: Mapping[int, Tone] = {
    RecipientState.PENDING: WAITING,
    RecipientState.LEASED: Tone("moving", "sync"),
    RecipientState.UNKNOWN: LOOK,
    RecipientState.SENT: Tone("moving", "check"),
    RecipientState.DELIVERED: Tone("done", "done_all"),
    RecipientState.READ: Tone("done", "visibility"),
    RecipientState.REPLIED: Tone("done", "reply"),
    RecipientState.COMPLETED: Tone("done", "check_circle"),
    RecipientState.SKIPPED: Tone("look", "block"),
    RecipientState.FAILED: BROKEN,
}
JOB_TONES: Mapping[int, Tone] = {
    JobState.PREPARING: Tone("moving", "hourglass_top"),
    JobState.RUNNING: Tone("moving", "play_circle"),
    JobState.PAUSED: Tone("look", "pause_circle"),
    JobState.FINISHED: Tone("done", "check_circle"),
    JobState.CANCELLED: Tone("waiting", "cancel"),
}
SENDER_TONES: Mapping[str, Tone] = {
    SenderState.ACTIVE: Tone("done", "check_circle"),
    SenderState.PAUSED: Tone("look", "pause_circle"),
    SenderState.RESTRICTED: BROKEN,
}
TEMPLATE_TONES: Mapping[str, Tone] = {
    TemplateState.DRAFT: Tone("waiting", "edit_note"),
    TemplateState.SUBMITTED: Tone("moving", "hourglass_top"),
    TemplateState.APPROVED: Tone("done", "check_circle"),
    TemplateState.REJECTED: BROKEN,
    TemplateState.ARCHIVED: Tone("waiting", "inventory_2"),
}
CHECK_TONES: Mapping[str, Tone] = {
    MailCheckState.PASS: Tone("done", "check_circle"),
    MailCheckState.WARN: Tone("look", "warning"),
    MailCheckState.FAIL: BROKEN,
    MailCheckState.UNKNOWN: LOOK,
}

REASONS: Mapping[int, str | Promise] = {
    Reason.OPTED_OUT: gettext_lazy("The person has asked for no more messages on this channel."),
    Reason.SUPPRESSED: gettext_lazy("Nothing is sent to this address: %(detail)s."),
    Reason.NO_CONSENT: gettext_lazy("This job goes only to people who have agreed, and this person has not."),
    Reason.INVALID_ADDRESS: gettext_lazy("The person has no valid address on this channel, or is no longer a contact."),
    Reason.DUPLICATE_ADDRESS: gettext_lazy("Another recipient of the job has the same address."),
    Reason.MISSING_VARIABLE: gettext_lazy("The template needs “%(code)s”, and this person has no value for it."),
    Reason.FREQUENCY_CAP: gettext_lazy("The person has had as many messages lately as the job's rule allows."),
    Reason.LEFT_SEGMENT: gettext_lazy("The person no longer belonged to the audience when it was their turn."),
    Reason.QUIET_UNTIL: gettext_lazy("The person has asked to be left alone for longer than the job can wait."),
    Reason.BLACKOUT: gettext_lazy("The sending rules leave no time within 400 days at which it may go."),
    Reason.HOLDOUT: gettext_lazy("Held out on purpose, to compare with those who were written to."),
    Reason.BUDGET_CAP: gettext_lazy("The budget was used up."),
    Reason.CANCELLED: gettext_lazy("The job was cancelled before it was this person's turn."),
    Reason.PROVIDER_REFUSED: gettext_lazy("The provider refused it for good."),
    Reason.ATTEMPTS_EXHAUSTED: gettext_lazy("Every attempt failed. It can be tried again."),
    Reason.LEASE_EXPIRED: gettext_lazy(
        "It may have been sent: the answer of the provider was lost. It is never sent twice; a report may still settle it."
    ),
}


def reason_sentence(recipient: Recipient) -> str:
    """Why it was not sent, or is not sent yet; empty for what went out."""
    if recipient.state == RecipientState.PENDING:
        return _pending_sentence(recipient)
    if recipient.state == RecipientState.LEASED:
        return _("It is being handed to the provider right now.")
    words = REASONS.get(recipient.reason)
    if words is None:
        return ""
    code = recipient.code or ""
    known = code in SuppressionReason.values
    detail = str(SuppressionReason(code).label) if known else _("it is on the list of suppressed addresses")
    return str(words) % {"code": code, "detail": detail} if "%(" in str(words) else str(words)


def _pending_sentence(recipient: Recipient) -> str:
    later = recipient.not_before > timezone.now()
    when = {"when": moment(recipient.not_before)}
    if recipient.attempt and recipient.code:
        failed = _("The last attempt failed.")
        again = _("Tried again at %(when)s.") % when if later else _("Tried again at its next turn.")
        return f"{failed} {sentence(again)}"
    if later:
        return _("Waits until %(when)s, for a limit or the sending hours.") % when
    return _("Waits for its turn.")


CHECK_WORDS: Mapping[str, str | Promise] = {
    "in_order": gettext_lazy("In order."),
    "no_answer": gettext_lazy("DNS gave no answer. Check again later."),
    "no_record": gettext_lazy("There is no record under this name. Publish the one your mail service gives you."),
    "several_records": gettext_lazy("There is more than one record; receivers ignore them all. Join them into one."),
    "too_many_lookups": gettext_lazy("It leads through more than 10 look-ups, so receivers give up. Remove includes."),
    "broken_include": gettext_lazy("It includes this name, which has no valid record. Remove or mend it."),
    "allows_everybody": gettext_lazy("It allows everybody to send as this domain. End it with -all or ~all."),
    "no_verdict": gettext_lazy("It says nothing about other senders. End it with -all or ~all."),
    "selector_unknown": gettext_lazy(
        "No key under the usual selectors. Write down the selector your mail service uses."
    ),
    "key_revoked": gettext_lazy("The key is empty, which means revoked. Publish the present one."),
    "key_unreadable": gettext_lazy("The key cannot be read: it was probably cut or wrapped. Publish it again."),
    "key_too_short": gettext_lazy(
        "The key has fewer than 1,024 bits; nobody accepts it. Make a new one of 2,048 bits."
    ),
    "key_short": gettext_lazy("The key has fewer than 2,048 bits. Make a longer one when you next change it."),
    "policy_none": gettext_lazy(
        "It only asks for reports (p=none). Move on to quarantine when the reports look right."
    ),
    "no_policy": gettext_lazy("It has no valid policy (p=). Write p=quarantine, or p=none to begin with."),
}

ACTION_WORDS: Mapping[str, str | Promise] = {
    "create_sender": gettext_lazy("created it"),
    "change_sender": gettext_lazy("changed it"),
    "change_sender_limits": gettext_lazy("changed its limits"),
    "pause_sender": gettext_lazy("paused it"),
    "activate_sender": gettext_lazy("activated it"),
    "restrict_sender": gettext_lazy("stopped it"),
    "record_mail_checks": gettext_lazy("found another state of SPF, DKIM or DMARC"),
    "create_sender_pool": gettext_lazy("created it"),
    "change_sender_pool": gettext_lazy("changed it"),
    "create_template": gettext_lazy("created it"),
    "add_template_version": gettext_lazy("worded it anew"),
    "approve_template": gettext_lazy("approved it"),
    "withdraw_template": gettext_lazy("withdrew it"),
    "archive_template": gettext_lazy("archived it"),
    "restore_template": gettext_lazy("restored it"),
    "open_job": gettext_lazy("opened it"),
    "pause_job": gettext_lazy("paused it"),
    "resume_job": gettext_lazy("resumed it"),
    "cancel_job": gettext_lazy("cancelled it"),
    "change_job_limits": gettext_lazy("changed its limits"),
    "retry_given_up": gettext_lazy("had failed messages tried again"),
}
