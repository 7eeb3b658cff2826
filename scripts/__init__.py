"""Programs that a person or a cron job runs."""
