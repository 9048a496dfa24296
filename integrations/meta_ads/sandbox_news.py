"""What happens in an imitated ad account by itself, and what its webhooks tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.meta_graph.sandbox_graph import GraphImitation
from integrations.sandbox.imitation import ControlRefused

from .sandbox_state import State
from .sandbox_tree import Thing

REVIEW_SECONDS = 600.0  # provider time


class News:
    """Tells the accounts of one imitation."""

    def __init__(self, service: GraphImitation) -> None:
        self._service = service

    def review_later(self, state: State, ad: Thing) -> None:
        """Let the review of a new or changed ad end ten minutes later."""
        self._service.world.clock.later(REVIEW_SECONDS, self._review, state, ad)

    def _review(self, state: State, ad: Thing) -> None:
        """The review is over: the ad may run, or it is refused; told as a change without its new value."""
        if state.tree.refuses(ad):
            self._disapprove(state, ad)
        else:
            ad.review = ""
            self._changed(state, ad)

    def _disapprove(self, state: State, ad: Thing) -> bool:
        ad.review = "DISAPPROVED"
        words = "Ads must not make unrealistic promises."
        ad.row["ad_review_feedback"] = {"global": {"Unacceptable Business Practices": words}}
        return self._changed(state, ad)

    def _changed(self, state: State, thing: Thing) -> bool:
        thing.row["updated_time"] = int(self._service.world.clock.now())
        value = {"object_id": thing.id, "object_type": thing.level, "changed_fields": ["effective_status"]}
        return self._tell(state, "ad_account", "effective_status", "field_changed", value)

    def _tell(self, state: State, topic: str, subscribed: str, name: str, value: Mapping[str, Any]) -> bool:
        """Only what the app subscribed to, for an account or page that is subscribed too; or all of it to the account's own address."""
        account = state.account
        url, names = state.topics.get(topic, (account.webhook_url, {subscribed}))
        if topic in state.topics and topic not in state.subscribed or subscribed not in names:
            return False
        entry = account.page_id if topic == "page" else account.ad_account_id.removeprefix("act_")
        return self._service.tell(url, account.app_secret, topic, entry, [{"field": name, "value": value}])

    def happen(self, state: State, event: str, facts: dict[str, Any]) -> dict[str, Any]:
        """`ad` names an ad (by default the first); `answers` are what a lead says. Raises ControlRefused."""
        ad = state.tree.things.get(str(facts.get("ad") or next(state.tree.of_level("ad")).id))
        if ad is None or ad.level != "ad":
            raise ControlRefused("there is no such ad")
        now = self._service.world.clock.now()
        match event:
            case "ad_disapproved":
                return {"id": ad.id, "sent": self._disapprove(state, ad)}
            case "ad_with_issues":
                issue = {
                    "level": "AD",
                    "error_code": 1359102,
                    "error_summary": "Page not published",
                    "error_message": "Publish it",
                }
                ad.row |= {"issues_info": [issue], "updated_time": int(now)}
                value = {"id": ad.id, **issue, "error_code": str(issue["error_code"])}
                sent = self._tell(state, "ad_account", "with_issues_ad_objects", "with_issues_ad_objects", value)
                return {"id": ad.id, "sent": sent}
            case "creative_fatigue":
                value = {"ad_id": ad.id, "creative_fatigue_level": "HIGH"}
                return {"id": ad.id, "sent": self._tell(state, "ad_account", event, event, value)}
            case "account_disabled":
                state.account.account_status, state.account.disable_reason = 2, 1  # Meta tells nobody: who asks sees it
                return {"id": state.account.ad_account_id, "sent": False}
        answers = dict(facts.get("answers") or {"full_name": "Davi Reis", "email": "davi@example.com"})
        lead = state.people.put_lead(answers, now, ad.id)
        value = {
            "leadgen_id": lead["id"],
            "page_id": state.account.page_id,
            "form_id": state.account.form_id,
            "ad_id": ad.id,
            "adgroup_id": ad.row["adset_id"],
            "created_time": int(now),
        }
        return {"id": lead["id"], "sent": self._tell(state, "page", "leadgen", "leadgen", value)}
