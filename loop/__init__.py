"""The loop: reviews become verdicts, verdicts datasets, datasets versions, versions better pre-annotations."""
