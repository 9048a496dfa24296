"""States, reasons and kinds of messaging: one enum per record, each member with its one-line meaning."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ChannelKind(models.IntegerChoices):
    """Through which medium a person is reached."""

    WHATSAPP = 1, _("WhatsApp")
    EMAIL = 2, _("e-mail")
    SMS = 3, _("SMS")


class MessageKind(models.IntegerChoices):
    """Why a message is sent; decides its default priority."""

    REPLY = 1, _("reply")
    TRANSACTIONAL = 2, _("transactional")
    SINGLE = 3, _("single")
    FIRST_CONTACT = 4, _("first contact")
    FOLLOW_UP = 5, _("follow-up")
    CAMPAIGN = 6, _("campaign")
    PROMOTIONAL = 7, _("promotional")


DEFAULT_PRIORITY: dict[MessageKind, int] = {
    MessageKind.REPLY: 9,
    MessageKind.TRANSACTIONAL: 8,
    MessageKind.SINGLE: 5,
    MessageKind.FIRST_CONTACT: 4,
    MessageKind.FOLLOW_UP: 4,
    MessageKind.CAMPAIGN: 3,
    MessageKind.PROMOTIONAL: 3,
}


class ConsentState(models.IntegerChoices):
    """What a person has said about being contacted on a channel."""

    GRANTED = 1, _("granted")
    WITHDRAWN = 2, _("withdrawn")


class SuppressionReason(models.TextChoices):
    """Why an address is never written to again."""

    OPTED_OUT = "opted_out", _("asked to stop")
    HARD_BOUNCE = "hard_bounce", _("mailbox does not exist")
    UNREGISTERED = "unregistered", _("number not on this channel")
    COMPLAINED = "complained", _("marked as spam")
    INVALID_ADDRESS = "invalid_address", _("address cannot be valid")
    PROVIDER_BLOCKED = "provider_blocked", _("blocked by the provider")
    MANUAL = "manual", _("entered by a person")


class SenderState(models.TextChoices):
    """active ⇄ paused (by a person); active → restricted (by the provider or a failed check) → active."""

    ACTIVE = "active", _("active")
    PAUSED = "paused", _("paused")
    RESTRICTED = "restricted", _("restricted")


class MailCheck(models.TextChoices):
    """What a mail domain publishes so that its messages are believed."""

    SPF = "spf", _("SPF")
    DKIM = "dkim", _("DKIM")
    DMARC = "dmarc", _("DMARC")


class MailCheckState(models.TextChoices):
    """What DNS says of one of them; only *fail* keeps a campaign from starting."""

    PASS = "pass", _("in order")
    WARN = "warn", _("works, but look at it")
    FAIL = "fail", _("missing or wrong")
    UNKNOWN = "unknown", _("not known yet")


class TemplateState(models.TextChoices):
    """draft → approved → archived; WhatsApp templates are approved by the provider: draft → submitted → approved | rejected."""

    DRAFT = "draft", _("draft")
    SUBMITTED = "submitted", _("submitted")
    APPROVED = "approved", _("approved")
    REJECTED = "rejected", _("rejected")
    ARCHIVED = "archived", _("archived")


class JobState(models.IntegerChoices):
    """preparing → running ⇄ paused → finished | cancelled."""

    PREPARING = 0, _("preparing")  # recipients are still being added; sending has not begun
    RUNNING = 1, _("running")
    PAUSED = 2, _("paused")  # by a person; nothing is claimed
    FINISHED = 3, _("finished")  # every recipient is final
    CANCELLED = 4, _("cancelled")  # by a person; what was not sent is skipped


class RecipientState(models.IntegerChoices):
    """pending → leased → sent → delivered → read → replied → completed; or skipped, failed, unknown, each with a reason.

    The numbers rise along the way a message takes, so "never backwards" is a comparison.
    """

    PENDING = 0, _("pending")  # waits for its turn, a limit, a window or a retry
    LEASED = 1, _("leased")  # a process has it in hand
    UNKNOWN = 5, _("unknown")  # the provider may have accepted it; never sent again, a status event may still settle it
    SENT = 10, _("sent")  # the provider accepted it
    DELIVERED = 20, _("delivered")
    READ = 30, _("read")
    REPLIED = 40, _("replied")
    COMPLETED = 50, _("completed")
    SKIPPED = 80, _("skipped")  # never handed to the provider
    FAILED = 90, _("failed")  # refused by the provider, at once or later


OPEN_STATES = (RecipientState.PENDING, RecipientState.LEASED)
REACHED_STATES = (
    RecipientState.SENT,
    RecipientState.DELIVERED,
    RecipientState.READ,
    RecipientState.REPLIED,
    RecipientState.COMPLETED,
)


class Reason(models.IntegerChoices):
    """Why a recipient was not sent, or is not sent yet."""

    NONE = 0, _("none")
    OPTED_OUT = 1, _("asked to stop")
    SUPPRESSED = 2, _("address suppressed")
    NO_CONSENT = 3, _("no consent")
    INVALID_ADDRESS = 4, _("no valid address")
    DUPLICATE_ADDRESS = 5, _("address used by another recipient")
    MISSING_VARIABLE = 6, _("a variable has no value")
    FREQUENCY_CAP = 7, _("contacted too often")
    LEFT_SEGMENT = 8, _("left the segment")
    QUIET_UNTIL = 9, _("asked for quiet")
    BLACKOUT = 10, _("blackout date")
    HOLDOUT = 11, _("held out for comparison")
    BUDGET_CAP = 12, _("budget used up")
    CANCELLED = 13, _("cancelled")
    PROVIDER_REFUSED = 14, _("refused by the provider")
    ATTEMPTS_EXHAUSTED = 15, _("all attempts failed")
    LEASE_EXPIRED = 16, _("process lost after handing over")


LOST_CODE = "lease_expired"  # a recipient's code when its process was lost with it in hand


class WaveState(models.IntegerChoices):
    """open → closed, exactly once."""

    OPEN = 1, _("open")
    CLOSED = 2, _("closed")


class ImportState(models.TextChoices):
    """(draft →) waiting → running → done | failed. After a dry run, or a failure, a kept file may be started again."""

    DRAFT = "draft", _("not started")  # the file is here; a person looks at how its columns are understood
    WAITING = "waiting", _("waiting")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


class Direction(models.IntegerChoices):
    """Which way a message went."""

    INBOUND = 1, _("inbound")
    OUTBOUND = 2, _("outbound")


class RejectReason(models.TextChoices):
    """Why a row of a file, or an entry of a request, did not become a contact."""

    NO_ADDRESS = "no_address", _("no phone, e-mail or WhatsApp id")
    INVALID_PHONE = "invalid_phone", _("the phone is not valid")
    LOST_DIGITS = "lost_digits", _("the spreadsheet has rounded the phone; format the column as text")
    INVALID_EMAIL = "invalid_email", _("the e-mail is not valid")
    INVALID_WHATSAPP_ID = "invalid_whatsapp_id", _("the WhatsApp id is not valid")
    UNCLEAR_CONSENT = "unclear_consent", _("the consent is neither yes nor no")
    UNREADABLE_CHARACTERS = "unreadable_characters", _("contains characters that cannot be read")
    CELL_TOO_LONG = "cell_too_long", _("a cell is too long")
    TOO_MANY_COLUMNS = "too_many_columns", _("has more columns than the header")
    BAD_QUOTES = "bad_quotes", _("a quotation mark is misplaced or not closed")
    EMAIL_OF_ANOTHER = "email_of_another", _("the e-mail belongs to another contact")
    EMAIL_OF_ANOTHER_ROW = "email_of_another_row", _("an earlier row gives this e-mail to another person")
    WHATSAPP_ID_OF_ANOTHER = "whatsapp_id_of_another", _("the WhatsApp id belongs to another contact")
    WHATSAPP_ID_OF_ANOTHER_ROW = (
        "whatsapp_id_of_another_row",
        _("an earlier row gives this WhatsApp id to another person"),
    )
    CONTACT_OF_ANOTHER_ROW = "contact_of_another_row", _("an earlier row with other addresses means the same contact")
