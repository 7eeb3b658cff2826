"""Settings as people paste them: what is taken off, and what cannot be used. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

AROUND = "\ufeff\u200b\u2060"  # a byte order mark and spaces without width, which no editor shows
QUOTES = ("'", '"')


def bare(text: str, *, may_be_quoted: bool) -> str:
    """A text without the white space around it; where it *may be quoted*, without the quotes of an env file too."""
    previous = None
    while text != previous:
        previous = text
        text = text.strip().strip(AROUND)
        if may_be_quoted and len(text) > 1 and text[0] == text[-1] and text[0] in QUOTES:
            text = text[1:-1]
    return text


def folder(text: str) -> str:
    """The path of a folder, bare. One from the root keeps its blanks: folders with and without may both be there."""
    return text.rstrip("\r\n") if text.startswith("/") else bare(text, may_be_quoted=True)


def key_problem(key: str) -> str | None:
    """Say why a key cannot be sent in an HTTP header, without a character of it; None where it can."""
    places = [place for place, char in enumerate(key, start=1) if not "!" <= char <= "~"]
    if not places:
        return None
    kind = "white space" if key[places[0] - 1].isspace() else "a character that is not ASCII"
    return f"{len(key)} characters, number {places[0]} is {kind}"


def address_problem(address: str) -> str | None:
    """Say why an address is not one of HTTP, without its user and password; None where it is."""
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
