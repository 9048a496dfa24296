"""What messaging's actions are called in the audit log."""

from django.utils.translation import gettext_lazy

from agency.admin.actions import declare_actions

declare_actions(
    {
        "activate_sender": gettext_lazy("let a sender send again"),
        "add_template_version": gettext_lazy("worded a template anew"),
        "approve_template": gettext_lazy("approved a template"),
        "archive_template": gettext_lazy("archived a template"),
        "cancel_job": gettext_lazy("cancelled a send job"),
        "change_contact": gettext_lazy("changed a contact"),
        "change_job_limits": gettext_lazy("changed the limits of a send job"),
        "change_sender": gettext_lazy("changed a sender"),
        "change_sender_limits": gettext_lazy("changed the limits of a sender"),
        "change_sender_pool": gettext_lazy("changed a sender pool"),
        "contact_import.create": gettext_lazy("began an import"),
        "contact_import.discard": gettext_lazy("discarded a file before its import"),
        "contact_import.fail": gettext_lazy("gave up an import"),
        "contact_import.finish": gettext_lazy("finished an import"),
        "contact_import.receive": gettext_lazy("uploaded a file of contacts"),
        "contact_import.start": gettext_lazy("started an import"),
        "create_sender": gettext_lazy("created a sender"),
        "create_sender_pool": gettext_lazy("created a sender pool"),
        "create_template": gettext_lazy("created a template"),
        "erase_contact": gettext_lazy("erased a person"),
        "lift_suppression": gettext_lazy("allowed an address again"),
        "lose_process": gettext_lazy("lost a process with messages in its hands"),
        "open_job": gettext_lazy("opened a send job"),
        "pause_job": gettext_lazy("paused a send job"),
        "pause_sender": gettext_lazy("paused a sender"),
        "record_consent": gettext_lazy("recorded a consent"),
        "record_mail_checks": gettext_lazy("found another state of SPF, DKIM or DMARC"),
        "restore_template": gettext_lazy("restored a template"),
        "restrict_sender": gettext_lazy("stopped a sender"),
        "resume_job": gettext_lazy("resumed a send job"),
        "retry_given_up": gettext_lazy("had failed messages tried again"),
        "suppress_address": gettext_lazy("suppressed an address"),
        "tag_contacts": gettext_lazy("gave contacts a tag"),
        "unsubscribe": gettext_lazy("took a person off by their link"),
        "untag_contacts": gettext_lazy("took a tag from contacts"),
        "upsert_contacts": gettext_lazy("wrote contacts by the API"),
        "withdraw_template": gettext_lazy("withdrew a template"),
    }
)
