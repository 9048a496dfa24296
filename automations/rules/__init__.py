"""Pure decisions about slots and declarations."""
