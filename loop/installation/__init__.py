"""
Starts, connects, shows and checks an installation.

Other rooms use: backup, connect, doctor, findings, machine, memory, room, status, tidy, up.
"""
