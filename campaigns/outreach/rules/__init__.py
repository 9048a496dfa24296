"""Pure rules of campaigns: no database, no clock."""
