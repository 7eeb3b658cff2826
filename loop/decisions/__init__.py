"""What is decided, and how foreign forms are read and written: pure functions on frozen dataclasses."""
