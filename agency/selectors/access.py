"""Who may see which client: the one place that decides."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from agency.models import Client, User
from agency.states import Role


def visible_clients(user: User | AnonymousUser) -> QuerySet[Client]:
    """Every client for directors and superusers; for the others the clients granted to them; none for anybody inactive."""
    if not isinstance(user, User) or not user.is_active:
        return Client.objects.none()
    if user.is_superuser or user.groups.filter(name=Role.DIRECTOR).exists():
        return Client.objects.all()
    return Client.objects.filter(grants__user=user)
