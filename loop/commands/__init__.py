"""The subjects of the command `loop`, a file each."""
