"""The way in for a person: the link of `loop dashboard`, and the way out."""

from __future__ import annotations

from flask import current_app, redirect, render_template, request, url_for
from werkzeug.exceptions import Forbidden

from backend import session
from backend.dashboard import csrf
from backend.dashboard.blueprint import Answer, page, rooms
from backend.dashboard.forms import text
from backend.gate import Gate


@page("sign-in", methods=["GET", "POST"])
def sign_in() -> Answer:
    """Show a button that signs in, because a GET must not use the ticket up; and sign in with it."""
    if request.method != "POST":
        return render_template("dashboard/sign_in.html", ticket=request.args.get("ticket", "")[:100])
    csrf.check_site(rooms().studio.backend.url)
    gate: Gate = current_app.extensions["sign_ins"]
    with gate.entered():  # anybody may send this body, as slowly as the time for a body allows
        ticket = text("ticket")
    caller = rooms().access.sign_ins.use(ticket)
    if caller is None:
        raise Forbidden("this link was used already, or is older than ten minutes: `loop dashboard` prints another")
    session.begin(caller)
    return redirect(url_for("dashboard.projects"), 303)


@page("sign-out", methods=["POST"])
def sign_out() -> Answer:
    """Forget who signed in."""
    session.end()
    return redirect(url_for("dashboard.sign_in"), 303)
