"""Language models: one question, one answer, whichever model gives it."""
