"""Cleans settings that people pasted, and explains values that cannot be used. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

INVISIBLE = "\ufeff\u200b\u2060"  # a byte order mark and spaces without width, which no editor shows
QUOTES = ("'", '"')
HOST = re.compile(r"[\w.-]+|[\da-f]*:[\da-f.]*:[\da-f:.]*(%[\w.-]+)?", re.IGNORECASE)  # a name, or an IP address
MODEL_NAME = re.compile(r"(?!imported$)[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")  # before the @; imported predictions have that
OWN_NAME = re.compile(r"\w[\w .-]{0,63}")  # the same in the settings, which always took blanks and other alphabets
DEVICE = re.compile(r".*\d.*|\W*(cpu|mps|cuda|npu|xpu|none)?\W*", re.IGNORECASE)  # as torch and ultralytics name them
ADDRESSES = ("LABEL_STUDIO_URL", "LOOP_URL", "LOOP_INTERACTIVE_URL")
FORMS = {
    "LOOP_HOST": (HOST, "a host name or an IP address, without http:// and a port"),
    "LOOP_MODEL_NAME": (OWN_NAME, "1 to 64 letters, digits, blanks, - _ ."),
    "LOOP_DEVICE": (DEVICE, "cpu, the number of a GPU, or several, such as 0,1"),
}
DEFAULT_HOME = "~/.label-studio-yolo-loop"


def strip_text(text: str, *, may_be_quoted: bool) -> str:
    """Remove white space around a text; where it *may be quoted*, also the quotes of an env file."""
    previous = None
    while text != previous:
        previous = text
        text = text.strip().strip(INVISIBLE)
        if may_be_quoted and len(text) > 1 and text[0] == text[-1] and text[0] in QUOTES:
            text = text[1:-1]
    return text


def strip_folder(text: str) -> str:
    """Strip the path of a folder; an absolute path keeps its blanks, which may be part of the name."""
    return text.rstrip("\r\n") if text.startswith("/") else strip_text(text, may_be_quoted=True)


def key_problem(key: str) -> str | None:
    """Return why a key cannot be sent in an HTTP header, without a character of it; None for a usable key."""
    positions = [position for position, char in enumerate(key, start=1) if not "!" <= char <= "~"]
    if not positions:
        return None
    kind = "white space" if key[positions[0] - 1].isspace() else "a character that is not ASCII"
    return f"{len(key)} characters, number {positions[0]} is {kind}"


def address_problem(address: str) -> str | None:
    """Return why a text is no HTTP address, without its user and password; None for an HTTP address."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "a host or a port that cannot be read"
    if parts.scheme not in ("http", "https"):
        return "no http:// or https:// at its beginning"
    if not host:
        return "no host"
    if any(char.isspace() for char in address):
        return "white space in it"
    return "a ? or a # in it" if parts.query or parts.fragment else None


def host_in_url(host: str) -> str:
    """Return a host as it stands before a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def find_problem(login: tuple[str, str], key: str, texts: Mapping[str, str]) -> tuple[str, str, str] | None:
    """
    Find what is wrong with the login, the API key, and the addresses and other *texts* by their variables.

    Returns the variable, what is expected and what was found; None if nothing is wrong.
    """
    user, password = login
    if bool(user) != bool(password):
        missing = "BASIC_AUTH_USER" if password else "BASIC_AUTH_PASS"
        return missing, "a user and a password, or neither: each project then has its own", "nothing"
    if problem := key_problem(key):
        expected = "a key in one line of ASCII, as Label Studio shows it under Account & Settings"
        return "LABEL_STUDIO_API_KEY", expected, problem
    for variable in ADDRESSES:
        if (address := texts[variable]) and (problem := address_problem(address)):
            shown = address.rpartition("@")[2]  # without a user and a password
            return variable, "an address such as http://localhost:8080", f"{problem}: {shown}"
    for variable, (form, expected) in FORMS.items():
        if not form.fullmatch(texts[variable]):
            return variable, expected, texts[variable]
    return None
