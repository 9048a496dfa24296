"""People for demonstrations: invented identities, real purchase behaviour."""
