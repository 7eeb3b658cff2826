"""The HTTP door: Label Studio's ML backend protocol, webhooks and the API for programs."""
