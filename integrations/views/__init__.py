"""Pages outside the admin's frame."""
