"""Mailing invitations."""

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from agency.models import User
from agency.operations.accounts import invitation_token


def invitation_url(user: User) -> str:
    """The link that sets the first password."""
    return f"{settings.PUBLIC_BASE_URL}{reverse('invitation', args=(invitation_token(user),))}"


def mail_invitation(*, user_id: int) -> None:
    """Mail the link in the person's language; nothing when the person has come in meanwhile."""
    user = User.objects.get(pk=user_id)
    if user.has_usable_password() or not user.is_active:
        return
    with translation.override(user.language or settings.LANGUAGE_CODE):
        text = render_to_string(
            "account/email/invitation.txt",
            {"user": user, "url": invitation_url(user), "days": settings.INVITATION_TIMEOUT // 86_400},
        )
        subject = settings.ACCOUNT_EMAIL_SUBJECT_PREFIX + _("You are invited to Batuta")
    send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [user.email])
