"""What the services of Meta's Graph API share: the SDK's session, error codes, usage headers, webhook signatures, hashes of people."""
