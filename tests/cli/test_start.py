"""A command imports only what it needs, so that it starts quickly."""

import inspect
import subprocess
import sys

from loop.cli.tree import TOP, load_all

PRINT_IMPORTS = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from loop.cli.main import run
sys.exit(run(sys.argv[1:]))
"""
TO_PRINT = {"annotated_doc", "attr", "markdown_it", "mdurl", "pygments", "rich", "shellingham", "typer"}


def imports(*arguments, home):
    """Run a command in a process of its own; return the modules of `loop`, and the other packages, it imported."""
    environment = {"LOOP_HOME": str(home), "PATH": ""}
    program = [sys.executable, "-c", PRINT_IMPORTS, *arguments]
    ended = subprocess.run(program, capture_output=True, text=True, env=environment, check=True)
    modules = ended.stderr.splitlines()[-1].split()
    packages = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - at_start()
    return {name for name in modules if name.startswith("loop.")}, packages - {"loop"}


def at_start():
    """Packages that Python itself imports in this environment, and names that packages make up for themselves."""
    program = [sys.executable, "-c", "import sys; print(*sys.modules)"]
    ended = subprocess.run(program, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in ended.stdout.split()}


def test_the_help_of_loop_imports_no_wiring_and_only_libraries_that_print(tmp_path):
    ours, libraries = imports("--help", home=tmp_path)

    assert ours == {
        f"loop.{name}" for name in ("cli", "cli.failures", "cli.main", "cli.tree", "errors", "printable", "secrecy")
    }
    assert libraries <= TO_PRINT


def test_the_help_of_loop_says_of_each_command_what_its_own_help_begins_with():
    own = {name: inspect.cleandoc(command.help).partition("\n\n")[0] for name, command in load_all().commands.items()}

    assert {name: line for lines in TOP.values() for name, line in lines.items()} == own
