"""Pages outside the admin, health, and what every request passes through."""
