"""What people watch in an installation: the overview of a project, jobs with their logs, the audit trail."""
