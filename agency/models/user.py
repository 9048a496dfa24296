"""A person who signs in."""

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """An account. Roles are Django groups; which clients the person sees are `ClientGrant` rows (directors see all)."""

    email = models.EmailField(_("e-mail"), unique=True)
    language = models.CharField(_("language"), max_length=10, blank=True, choices=settings.LANGUAGES)
    time_zone = models.CharField(_("time zone"), max_length=50, blank=True)

    # Not a field: the clients an API token is limited to, set on the instance that acts through the token. None: no limit.
    limited_to: frozenset[int] | None = None

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
