"""Invoices, payments, dunning, ledger, P&L and tax documents: layer 4, beside `campaigns`; its records arrive with the finance issues."""
