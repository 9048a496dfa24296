"""Amazon SES: e-mail through Amazon's API, events through SNS."""
