"""Notion: databases of the agency, read and written with typed values."""
