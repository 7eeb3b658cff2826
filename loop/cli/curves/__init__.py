"""Tables of what changes over time: rates by week, confused labels, and the learning curve of versions."""
