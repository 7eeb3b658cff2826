"""The addresses of images: the identity of an address, and the files that it may name on this machine. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus, unquote_to_bytes

CLOUD_SCHEMES = ("s3", "s3s", "gs", "azure-blob", "azure_spi", "dbx")
UPLOADS = "/data/upload/"  # where Label Studio serves the files that were uploaded to it
LOCAL_FILES = "/data/local-files/"  # where Label Studio serves files of its own machine, the path in its `d`
RESOLVER = re.compile(r"/(?:tasks|projects)/\d+/resolve/?\?(?:.*&)?fileuri=([\w-]+)")
WHOLE_RESOLVER = re.compile(RESOLVER.pattern + r"=*\Z")
PROXY = re.compile(r"/projects/\d+/file-proxy/?\?(?:.*&)?url=([\w-]+)=*\Z")
UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")  # Label Studio puts this prefix before the name of an uploaded file
DIGEST = ";sha256="
LARGE = 200  # letters


def scheme_of(address: str) -> str:
    """Return the scheme of an address in lower case; empty for a path."""
    if is_inline(address):
        return "data"
    scheme, separator, _ = address[:40].partition("://")
    return scheme.lower() if separator and re.fullmatch(r"[A-Za-z][\w+.-]*", scheme) else ""


def is_inline(address: str) -> bool:
    """Whether an address is a `data:` URI, which carries its image in itself, or the identity of one."""
    return address[:5].lower() == "data:"


def is_digest(address: str) -> bool:
    """Whether an address is the identity of a `data:` URI, without the image."""
    return is_inline(address) and len(address) <= LARGE and DIGEST in address and "," not in address


def identify(address: str) -> str:
    """
    Return the identity of an address, for logs and comparisons: a digest of a `data:` URI, else the address itself.

    The identity of an address of Label Studio's resolver is the cloud address in it: the API gives the one for what
    requests of predictions and events give the other. The identity of an identity is itself.
    """
    if is_digest(address):
        return address
    if not is_inline(address):
        cloud = _unwrap(address) if WHOLE_RESOLVER.search(address) else address
        return cloud if scheme_of(cloud) in CLOUD_SCHEMES else address
    media_type = re.match(r"[\w.+/-]*", address[5:60])
    digest = hashlib.sha256(address.encode(errors="surrogatepass")).hexdigest()
    return f"data:{media_type[0] if media_type else ''}{DIGEST}{digest}"


def identify_image(data: Mapping[str, Any], key: str) -> str | None:
    """Return the identity of the address under a *key* of a task's data; None without one."""
    address = data.get(key)
    return identify(address.strip()) if isinstance(address, str) else None


def identify_all(value: Any) -> Any:
    """Return the same JSON with each `data:` URI of more than LARGE letters replaced by its identity."""
    if isinstance(value, str):  # first, as most values are texts
        is_large = len(value) > LARGE and is_inline(value[:LARGE].lstrip())
        return identify(value.strip()) if is_large else value
    if isinstance(value, Mapping):
        return {key: identify_all(item) for key, item in value.items()}
    return [identify_all(item) for item in value] if isinstance(value, list) else value


def read_inline(address: str) -> bytes:
    """Return the content of a `data:` URI (RFC 2397), as browsers read it. Raises ValueError."""
    head, comma, body = address.partition(",")
    if not comma:
        raise ValueError("the data: URI has no comma before its content")
    content = unquote_to_bytes(body.partition("#")[0])
    if not re.search(r";\s*base64\s*$", head, re.IGNORECASE):
        return content
    letters = content.translate(None, b" \t\n\r\f").rstrip(b"=")
    try:
        return base64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(f"the content of the data: URI is not base64: {error}") from error


def file_paths(address: str) -> list[tuple[str, ...]]:
    """Return the file paths that an address may mean, the likeliest first, each as its parts, without `..`."""
    texts = _read_paths(_unwrap(address))
    texts += [text.replace("\\", "/") for text in texts if "\\" in text]
    paths = [tuple(part for part in text.split("/") if part not in ("", ".")) for text in texts]
    return [path for path in dict.fromkeys(paths) if path and ".." not in path]


def find_query(address: str) -> str:
    """
    Return the query of an address: a server may have another image for each.

    The key of a cloud object has no query, and that of a local-files address names its file.
    """
    unwrapped = _unwrap(address)
    path, _, query = unwrapped.partition("#")[0].partition("?")
    return "" if scheme_of(unwrapped) in CLOUD_SCHEMES or _find_served(path, unwrapped) else query


def _read_paths(address: str) -> list[str]:
    """
    Return the paths in an address, as written and as percent-decoded.

    Only Label Studio's own local-files address names its file in `d`. The key of a cloud object may have `#` and `?`.
    Two hosts may have files of one name, so the host is the first folder, except for Label Studio's own files.
    """
    scheme = scheme_of(address)
    rest = address[len(scheme) + 3 :] if scheme else address
    if scheme in CLOUD_SCHEMES:
        return [rest, unquote(rest)]
    host, rest = _split_host(rest) if scheme else ("", rest)
    path = re.split(r"[?#]", rest, maxsplit=1)[0]
    if served := _find_served(path, rest):
        return [unquote(served[1]), unquote_plus(served[1]), served[1] + served[2]]
    if not scheme:
        return [rest, unquote(path), path]
    folder = "" if UPLOADS in path or path == "/" else host
    return [folder + unquote(path), folder + path]


def _find_served(path: str, rest: str) -> re.Match[str] | None:
    """Return the `d` of a local-files address, and the rest behind it; *rest* begins with its *path*."""
    served = re.search(r"[?&]d=([^&#]*)(.*)", rest[len(path) :], re.DOTALL)
    return served if f"{path.rstrip('/')}/".endswith(LOCAL_FILES) else None


def _split_host(rest: str) -> tuple[str, str]:
    """Return the host after a scheme, without login and port, and the path behind it with its query."""
    host, _, path = rest.partition("/")
    return re.sub(r":\d*\Z", "", host.rpartition("@")[2]).lower(), f"/{path}"


def _unwrap(address: str) -> str:
    """Return the cloud address inside an address of Label Studio's resolver; any other address stays."""
    wrapped = RESOLVER.search(address)
    try:
        return base64.urlsafe_b64decode(wrapped[1] + "==").decode() if wrapped else address
    except ValueError:
        return address


def is_proxy_of(address: str, url: str) -> bool:
    """Whether an address is that of Label Studio's proxy for a URL, which sends its host the login of the project."""
    wrapped = PROXY.search(address)
    try:
        return wrapped is not None and base64.urlsafe_b64decode(f"{wrapped[1]}==").decode() == url
    except ValueError:
        return False


def original_name(parts: tuple[str, ...]) -> str | None:
    """Return the name of an uploaded file before the upload, as `stored_name` gives it; None for any other file."""
    name = parts[-1]
    return UPLOAD.sub("", name, count=1) if "upload" in parts[:-1] and UPLOAD.match(name) else None


def stored_name(name: str) -> str:
    """Return the name under which Label Studio stores an uploaded file, without its prefix."""
    return re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_"))
