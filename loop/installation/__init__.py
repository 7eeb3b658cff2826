"""
Starts, connects, shows, checks, saves and tidies an installation.

Other rooms use: backup, connect, doctor, findings, machine, memory, outlook, prompting, room, status, tidy, up,
watching.
"""
