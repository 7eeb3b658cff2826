"""
Starts, connects, shows and checks an installation.

Other rooms use: connect, doctor, findings, room, status, up.
"""
