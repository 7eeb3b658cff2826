"""What is done, a verb a file: a straight read over decisions and adapters."""
