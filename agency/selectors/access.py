"""Who may see which client and which of the agency's own records: the one place that decides.

Every package has its own `visible_…(user)` selectors; all narrow by `visible_clients`. A call with somebody inactive or not signed in finds
nothing. Permissions (may the person look at this kind of record at all?) are the doors' question; which rows, is answered here.
"""

from typing import TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, Q, QuerySet
from django_celery_results.models import TaskResult

from agency.models import ApiToken, AuditEntry, Client, ClientGrant, Employee, User
from agency.rules.roles import OPERATE_ENGINE
from agency.states import Role

Viewer = User | AnonymousUser
RecordT = TypeVar("RecordT", bound=Model)


def sees_everything(user: Viewer) -> bool:
    """Directors and superusers, while active, and not through a token that is limited to some clients."""
    if not isinstance(user, User) or not user.is_active or user.limited_to is not None:
        return False
    return _all_clients(user)


def _all_clients(user: User) -> bool:
    return user.is_superuser or user.groups.filter(name=Role.DIRECTOR).exists()


def visible_clients(user: Viewer) -> QuerySet[Client]:
    """Every client for directors and superusers; for the others the clients granted to them; none for anybody inactive.

    A token that is limited to some clients sees those of them that its person sees.
    """
    if not isinstance(user, User) or not user.is_active:
        return Client.objects.none()
    clients = Client.objects.all() if _all_clients(user) else Client.objects.filter(grants__user=user)
    return clients if user.limited_to is None else clients.filter(pk__in=user.limited_to)


def only_visible(records: QuerySet[RecordT], user: Viewer, client: str = "client") -> QuerySet[RecordT]:
    """The records whose `client` (a path of relations to the client) the user sees.

    The clients' ids are looked up first, so that the planner knows how many there are; who sees everything gets no condition at all.
    """
    if sees_everything(user):
        return records
    return records.filter(**{f"{client}__in": list(visible_clients(user).values_list("pk", flat=True))})


def visible_users(user: Viewer) -> QuerySet[User]:
    """Directors see all accounts; everybody else only the own one."""
    if sees_everything(user):
        return User.objects.all()
    return User.objects.filter(pk=user.pk) if user.is_active and user.pk else User.objects.none()


def visible_employees(user: Viewer) -> QuerySet[Employee]:
    """Directors see the whole team; everybody else only themselves."""
    if sees_everything(user):
        return Employee.objects.select_related("user")
    return Employee.objects.filter(user__in=visible_users(user)).select_related("user")


def visible_grants(user: Viewer) -> QuerySet[ClientGrant]:
    """Who sees which client: directors see all grants, everybody else the own ones."""
    return ClientGrant.objects.filter(user__in=visible_users(user)).select_related("user", "client")


def visible_tokens(user: Viewer) -> QuerySet[ApiToken]:
    """Directors see every API token, everybody else the own ones."""
    return ApiToken.objects.filter(user__in=visible_users(user)).select_related("user")


def visible_audit_entries(user: Viewer) -> QuerySet[AuditEntry]:
    """Entries about visible clients, and what the person did; directors also see entries about no client."""
    entries = AuditEntry.objects.select_related("client")
    if sees_everything(user):
        return entries
    if not user.is_active or not user.pk:
        return entries.none()
    clients = list(visible_clients(user).values_list("pk", flat=True))
    return entries.filter(Q(client__in=clients) | Q(user_id=user.pk, client__isnull=True))


def visible_task_results(user: Viewer) -> QuerySet[TaskResult]:
    """All of them for whoever keeps the engine running: they belong to no client."""
    return TaskResult.objects.all() if user.has_perm(OPERATE_ENGINE) else TaskResult.objects.none()
