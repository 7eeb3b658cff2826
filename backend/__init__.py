"""The doors that Label Studio comes in by: a Flask app, and a class for label-studio-ml's own server."""
