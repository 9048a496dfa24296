"""Evolution API: self-hosted, unofficial WhatsApp."""
