"""Runs a command of `loop` in this process."""

from typer.testing import CliRunner

from loop.cli.tree import app


def loop(*arguments):
    """Its output; it must succeed."""
    done = CliRunner().invoke(app, arguments)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output
