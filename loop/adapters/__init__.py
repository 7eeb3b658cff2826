"""Each wraps one outside thing: a table, a service, a library, a folder."""
