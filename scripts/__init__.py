"""What a person or a cron job runs."""
