"""What tasks answered, for whoever keeps the engine running."""

from django.contrib import admin
from django_celery_results.models import GroupResult, TaskResult

from agency.admin.base import RecordAdmin
from agency.selectors.access import visible_task_results

for _model in (TaskResult, GroupResult):
    admin.site.unregister(_model)


@admin.register(TaskResult)
class TaskResultAdmin(RecordAdmin):
    """Results that a person may read; those of the send engine are never kept."""

    visible_to = staticmethod(visible_task_results)
    list_select_related = ()
    list_display = ("task_name", "status", "worker", "date_created", "date_done")
    list_filter = ("status",)
    fields = (
        "task_id",
        "task_name",
        "status",
        "worker",
        "task_args",
        "result",
        "traceback",
        "date_created",
        "date_done",
    )
