"""Who may call: certificates and tokens, read again when they change."""
