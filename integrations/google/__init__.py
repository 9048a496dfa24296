"""What Google's services share: access tokens of service accounts and of consent, error envelopes, the imitated token endpoint."""
