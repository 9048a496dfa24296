"""Accounts: the first administrator, invitations, what a person may do and see."""

import zoneinfo
from collections.abc import Sequence
from hashlib import sha256

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from agency.kit.actor import Actor
from agency.kit.errors import InvalidInput, OperationRefused
from agency.kit.queue import enqueue_after_commit
from agency.models import Client, ClientGrant, User
from agency.operations.audit import record_audit
from agency.states import Role

INVITATION = "agency.invitation"  # the purpose that this signed link cannot leave


@transaction.atomic
def create_administrator(*, actor: Actor, email: str, password: str, name: str = "") -> User:
    """The first account, which invites the others. Raises `InvalidInput` for a bad or taken address or a weak password."""
    user = _new_user(email, name)
    _check_password(password, user)
    user.is_superuser = True
    user.set_password(password)
    user.save()
    user.groups.add(Group.objects.get_or_create(name=Role.DIRECTOR)[0])
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    record_audit(actor=actor, action="create_administrator", subject=user, after={"email": user.email})
    return user


@transaction.atomic
def renew_local_login(*, actor: Actor, username: str, email: str, password: str) -> User:
    """The director's account of a local demo, made or given a new password. Its address counts as proven: no mail leaves the machine."""
    user, _created = User.objects.update_or_create(
        username=username, defaults={"email": email, "is_staff": True, "is_superuser": True, "is_active": True}
    )
    user.set_password(password)
    user.save(update_fields=["password"])
    EmailAddress.objects.filter(user=user).exclude(email=email).delete()
    EmailAddress.objects.update_or_create(user=user, email=email, defaults={"primary": True, "verified": True})
    record_audit(actor=actor, action="renew_local_login", subject=user)
    return user


@transaction.atomic
def invite_person(
    *, actor: Actor, email: str, role: str, clients: Sequence[Client] = (), name: str = "", language: str = ""
) -> User:
    """Make an account without a password and mail a link that sets one. Raises `InvalidInput` for a bad or taken address."""
    user = _new_user(email, name)
    user.language = language
    user.set_unusable_password()
    user.save()
    user.groups.set([_role_group(role)])
    ClientGrant.objects.bulk_create([ClientGrant(user=user, client=client) for client in clients])
    record_audit(
        actor=actor,
        action="invite_person",
        subject=user,
        after={"email": user.email, "role": role, "clients": [client.slug for client in clients]},
    )
    enqueue_after_commit("agency.mail_invitation", user.pk)
    return user


@transaction.atomic
def repeat_invitation(*, actor: Actor, user_id: int) -> User:
    """Mail the link again. Raises `OperationRefused` when the person has already come in or was switched off."""
    user = User.objects.select_for_update().get(pk=user_id)
    if user.has_usable_password() or not user.is_active:
        raise OperationRefused("not_invited", _("This person has no open invitation."))
    record_audit(actor=actor, action="repeat_invitation", subject=user)
    enqueue_after_commit("agency.mail_invitation", user.pk)
    return user


def invitation_token(user: User) -> str:
    """The signed part of the invitation link; it dies with its age, with the first password, and with the account."""
    return signing.dumps({"user": user.pk, "state": _password_state(user)}, salt=INVITATION)


def invited_person(token: str) -> User:
    """Whom the link is for. Raises `OperationRefused` when it is spent, too old, forged or meant for something else."""
    refusal = OperationRefused(
        "invitation_spent", _("This invitation has expired or was already used. Ask for a new one.")
    )
    try:
        content = signing.loads(token, salt=INVITATION, max_age=settings.INVITATION_TIMEOUT)
    except signing.BadSignature as error:
        raise refusal from error
    user = User.objects.filter(pk=content["user"], is_active=True).first()
    if user is None or user.has_usable_password() or _password_state(user) != content["state"]:
        raise refusal
    return user


@transaction.atomic
def accept_invitation(*, token: str, password: str) -> User:
    """Set the first password; the link proves the address. Raises `OperationRefused`, or `InvalidInput` for a weak password."""
    user = invited_person(token)
    user = User.objects.select_for_update().get(pk=user.pk)
    _check_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"primary": True, "verified": True})
    record_audit(actor=Actor.person(user.pk, user.username), action="accept_invitation", subject=user)
    return user


@transaction.atomic
def change_access(*, actor: Actor, user_id: int, role: str, clients: Sequence[Client]) -> User:
    """Set a person's role and granted clients. The own role cannot be changed, so that no installation is left without a director."""
    user = User.objects.select_for_update().get(pk=user_id)
    if actor.user_id == user.pk:
        raise OperationRefused("own_access", _("Somebody else has to change your own access."))
    before = {
        "roles": sorted(user.groups.values_list("name", flat=True)),
        "clients": sorted(user.client_grants.values_list("client__slug", flat=True)),
    }
    user.groups.set([_role_group(role)])
    wanted = {client.pk for client in clients}
    user.client_grants.exclude(client__in=wanted).delete()
    ClientGrant.objects.bulk_create(
        [ClientGrant(user=user, client_id=client_id) for client_id in wanted], ignore_conflicts=True
    )
    record_audit(
        actor=actor,
        action="change_access",
        subject=user,
        before=before,
        after={"roles": [role], "clients": sorted(client.slug for client in clients)},
    )
    return user


@transaction.atomic
def switch_account(*, actor: Actor, user_id: int, active: bool) -> User:
    """Let a person in again, or shut them out: sessions end, API tokens stop working at once because their person is inactive."""
    user = User.objects.select_for_update().get(pk=user_id)
    if actor.user_id == user.pk:
        raise OperationRefused("own_account", _("You cannot switch off your own account."))
    if user.is_active == active:
        raise OperationRefused("unchanged", _("The account is already in that state."))
    user.is_active = active
    user.save(update_fields=["is_active"])
    if not active:
        Session.objects.filter(pk__in=UserSession.objects.filter(user=user).values("session_key")).delete()
    record_audit(
        actor=actor, action="switch_account", subject=user, before={"active": not active}, after={"active": active}
    )
    return user


@transaction.atomic
def change_preferences(*, actor: Actor, user_id: int, language: str, time_zone: str) -> User:
    """In which language and on which clock a person reads pages; empty for the browser's language and the agency's clock. Raises `InvalidInput`."""
    if language and language not in dict(settings.LANGUAGES):
        raise InvalidInput("bad_language", _("There is no such language here."), field="language")
    if time_zone and time_zone not in zoneinfo.available_timezones():
        raise InvalidInput("bad_time_zone", _("There is no such time zone."), field="time_zone")
    user = User.objects.select_for_update().get(pk=user_id)
    before = {"language": user.language, "time_zone": user.time_zone}
    after = {"language": language, "time_zone": time_zone}
    if after != before:
        user.language, user.time_zone = language, time_zone
        user.save(update_fields=["language", "time_zone"])
        record_audit(actor=actor, action="change_preferences", subject=user, before=before, after=after)
    return user


def _new_user(email: str, name: str) -> User:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise InvalidInput("bad_email", _("This is not an e-mail address."), field="email") from error
    if User.objects.filter(email__iexact=email).exists() or User.objects.filter(username=email).exists():
        raise InvalidInput("email_taken", _("There is already an account with this address."), field="email")
    first, _space, last = name.strip().partition(" ")
    return User(username=email, email=email, first_name=first[:150], last_name=last[:150], is_staff=True)


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput("weak_password", " ".join(error.messages), field="password") from error


def _role_group(role: str) -> Group:
    if role not in Role.values:
        raise InvalidInput("unknown_role", _("There is no such role."), field="role")
    return Group.objects.get_or_create(name=role)[0]


def _password_state(user: User) -> str:
    return sha256(user.password.encode()).hexdigest()[:16]
