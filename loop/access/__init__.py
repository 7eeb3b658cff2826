"""
Who may send requests to the backend: the logins that Label Studio sends, tokens of programs, and our own host names.

Other rooms use: callers, hosts, logins, room, sign_ins, tokens.
"""
