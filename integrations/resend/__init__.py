"""Resend: e-mail over HTTP."""
