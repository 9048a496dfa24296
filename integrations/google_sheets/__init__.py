"""Google Sheets: tables that reports read."""
