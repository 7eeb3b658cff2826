"""Everything that knows Label Studio's JSON, label configs and HTTP API."""
