"""Commands on who gets in: people at the dashboard, programs with bearer tokens, Label Studio with a login."""

from __future__ import annotations

from typing import Annotated

import typer

from loop.access.tokens import ProgramToken
from loop.cli.answers.command import Done, Secret, done
from loop.cli.grid import Field, show_table
from loop.cli.messages import tell
from loop.cli.options import ProjectId, open_rooms, out, print_text
from loop.storage.actor import who_acts

app = typer.Typer()
tokens_group = typer.Typer(no_args_is_help=True, help="Tokens with which programs call the backend.")
app.add_typer(tokens_group, name="tokens")
TokenName = Annotated[str, typer.Argument(metavar="NAME", help="The name of the token, such as that of the program.")]
FIELDS = (Field("name"), Field("may"), Field("created at", rank=2), Field("last used at", rank=1))
MINUTE = "%Y-%m-%d %H:%M"


@app.command()
def dashboard(
    read_only: Annotated[bool, typer.Option("--read-only", help="The person may look, and change nothing.")] = False,
) -> Secret:
    """
    Print a link that signs a browser in to the dashboard, once, within ten minutes, for twelve hours.

    A new link ends the one before. Where `BASIC_AUTH_USER` is set, that user
    and its password open the dashboard too. A browser that reaches the
    backend by another of its names needs that name in the link.
    """
    rooms = open_rooms()
    ticket = rooms.access.sign_ins.make(who_acts(), is_read_only=read_only)
    link = f"{rooms.studio.backend.url}/loop/sign-in?ticket={ticket}"
    print_text(link)
    return Secret(link)


@tokens_group.command("add")
def add_token(
    name: TokenName,
    read_only: Annotated[bool, typer.Option("--read-only", help="The token opens GET requests only.")] = False,
) -> Secret:
    """
    Make a token and print it.

    It is shown once: the records hold only its hash.

    A program sends it as `Authorization: Bearer TOKEN`. It opens every route
    of the backend except the one for Label Studio's events.
    """
    token = open_rooms().access.tokens.add(name, is_read_only=read_only)
    print_text(token)
    tell("it is not shown again; a program sends it as a bearer token")
    return Secret(token)


@tokens_group.command("list")
def list_tokens() -> list[ProgramToken]:
    """List the tokens, and when each was last used."""
    tokens = open_rooms().access.tokens.all()
    if tokens:
        show_table(out, FIELDS, [_as_row(token) for token in tokens])
    else:
        out.print("no tokens; `loop tokens add NAME` makes one")
    return tokens


@tokens_group.command("revoke")
def revoke_token(name: TokenName) -> Done:
    """
    Revoke a token.

    It opens nothing from then on.
    """
    open_rooms().access.tokens.revoke(name)
    return done(f"{name} is revoked", then="a program that sends it gets 401 from now on", token=name)


@tokens_group.command("login")
def show_login(project: ProjectId) -> Secret:
    """Print USER:PASSWORD that Label Studio sends to the ML backend of a project, to add the backend by hand."""
    login = open_rooms(project).access.logins.of_project(project)
    print_text(f"{login.user}:{login.password}")
    tell("it goes into the ML backend of the project in Label Studio; `loop connect` puts it there by itself")
    return Secret(f"{login.user}:{login.password}")


def _as_row(token: ProgramToken) -> tuple[str, ...]:
    used = f"{token.used_at:{MINUTE}}" if token.used_at else "never"
    return token.name, "read" if token.is_read_only else "read and write", f"{token.created_at:{MINUTE}}", used
