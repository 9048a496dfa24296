"""The integration layer's tasks. A message is only a nudge: the stored rows are the work."""

from celery import shared_task

from agency.kit.actor import Actor
from agency.kit.queue import enqueue
from integrations.capabilities import storage
from integrations.inbound import deliver
from integrations.runners import backups, oauth, subscriptions, watching
from integrations.runners.dispatching import dispatch_inbound as dispatch_due_events
from integrations.runners.polling import poll_services as ask_services


@shared_task(name="integrations.dispatch_inbound")
def dispatch_inbound() -> None:
    """Acts on stored webhook deliveries, and wakes itself again while some are left."""
    if dispatch_due_events(deliver):
        enqueue("integrations.dispatch_inbound")


@shared_task(name="integrations.check_connections")
def check_connections() -> int:
    """Tests every connection in use (every five minutes). Returns how many."""
    return len(watching.check_all_connections(actor=Actor.system("integrations.check_connections")))


@shared_task(name="integrations.renew_tokens")
def renew_tokens() -> int:
    """Renews the tokens that end soon (every ten minutes). Returns how many."""
    return oauth.renew_due_tokens(actor=Actor.system("integrations.renew_tokens"))


@shared_task(name="integrations.watch_expiries")
def watch_expiries(slot: str = "") -> int:
    """Tells people of certificates and accesses that end soon (a daily slot schedule). Returns how many do."""
    return watching.watch_expiries(actor=Actor.system("integrations.watch_expiries"))


@shared_task(name="integrations.poll_services")
def poll_services() -> int:
    """Asks services for what their webhooks may have lost (looks every five minutes for what is due). Returns how much was found."""
    return ask_services(deliver)


@shared_task(name="integrations.confirm_subscription")
def confirm_subscription(inbound_event_id: int) -> None:
    """Answers a topic's question whether our webhook address wants to listen to it."""
    subscriptions.confirm_subscription(inbound_event_id=inbound_event_id)


# Longer than the broker waits for an acknowledgement: it is given at once. A killed one is made up for by the next day's, or by hand at the alert.
@shared_task(name="integrations.make_backup", time_limit=6 * 3600, acks_late=False)
def make_backup(slot: str = "") -> str:
    """Backs the database up (a daily slot schedule). A message that comes again while it runs finds its row and ends."""
    return backups.make_daily_backup(actor=Actor.system("integrations.make_backup"))


@shared_task(name="integrations.watch_backups")
def watch_backups() -> str:
    """Raises or clears the alert about old backups (every ten minutes)."""
    return backups.watch_backups(actor=Actor.system("integrations.watch_backups"))


@shared_task(name="integrations.upload_waiting")
def upload_waiting() -> int:
    """Uploads files that no store would take (every minute). Returns how many."""
    return storage.upload_waiting(actor=Actor.system("integrations.upload_waiting"))
