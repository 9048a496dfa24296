"""What integrations' actions are called in the audit log."""

from django.utils.translation import gettext_lazy

from agency.admin.actions import declare_actions

declare_actions(
    {
        "change_chain": gettext_lazy("changed the order of a fallback chain"),
        "check_connection": gettext_lazy("found a connection in another state"),
        "begin_oauth": gettext_lazy("went to a provider for consent"),
        "grant_oauth": gettext_lazy("got the consent of a provider"),
        "lose_oauth": gettext_lazy("lost the consent of a provider"),
        "renew_oauth": gettext_lazy("renewed an access"),
        "answer_search": gettext_lazy("answered a search by hand"),
        "create_chain": gettext_lazy("chose the order of a fallback chain"),
        "create_connection": gettext_lazy("created a connection"),
        "disable_connection": gettext_lazy("disabled a connection"),
        "enable_connection": gettext_lazy("enabled a connection"),
        "remove_chain": gettext_lazy("removed the order of a fallback chain"),
        "drop_model_request": gettext_lazy("dropped a request to a language model"),
        "fail_model_request": gettext_lazy("tried a request to a language model in vain"),
        "finish_model_request": gettext_lazy("got the answer to a request to a language model"),
        "hold_model_request": gettext_lazy("kept a request that no language model answered"),
        "replay_failed_events": gettext_lazy("had failed inbound events read again"),
        "replay_inbound_event": gettext_lazy("had an inbound event read again"),
        "keep_given_secret": gettext_lazy("kept a secret that the service sent"),
        "show_given_secret": gettext_lazy("looked at a secret that the service sent"),
        "rotate_secrets": gettext_lazy("sealed secrets with the newest key"),
        "update_connection": gettext_lazy("changed a connection"),
    }
)
