"""Who does something: a person, an API token on a person's behalf, or the system itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """`label` is what the audit log shows; `user_id` and `token_id` are None for the system."""

    label: str
    user_id: int | None = None
    token_id: int | None = None

    @classmethod
    def system(cls, name: str) -> "Actor":
        """A part of the product acting by itself, for example `Actor.system("messaging.sweep")`."""
        return cls(label=f"system:{name}")

    @classmethod
    def person(cls, user_id: int, name: str) -> "Actor":
        """Somebody who is signed in; `name` is the account's user name."""
        return cls(label=name, user_id=user_id)
