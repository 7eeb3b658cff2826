"""Names the kind of a file that is no readable image, by its first bytes. Pure."""

from __future__ import annotations

import re

HEAD = 4096  # bytes that are read
CONVERT = "convert it to JPEG or PNG"
AGAIN = "fetch or export the image again"
FRAMES = "import single frames of it"
UNPACK = "unpack it and import its images"
ADDRESS = "give the address of the image itself"
DAMAGED = "that is damaged, cut off or of an unknown variant"
UNSEEN = "which browsers do not show"

KINDS: tuple[tuple[bytes, str, str], ...] = (
    (rb"\Z", "an empty file", AGAIN),
    (rb"\x00+\Z", "nothing but zero bytes", AGAIN),
    (rb"\xff\xd8\xff", f"a JPEG image {DAMAGED}", AGAIN),
    (rb"\x89PNG", f"a PNG image {DAMAGED}", AGAIN),
    (rb"GIF8", f"a GIF image {DAMAGED}", AGAIN),
    (rb"BM.{4}\x00\x00", f"a BMP image {DAMAGED}", AGAIN),
    (rb"RIFF.{4}WEBP", f"a WebP image {DAMAGED}", AGAIN),
    (rb".{4}ftypavi[fs]", f"an AVIF image {DAMAGED}", AGAIN),
    (rb"II[*+]\x00|MM\x00[*+]", f"a TIFF image {DAMAGED}", CONVERT),
    (rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51", f"a JPEG 2000 image {DAMAGED}", CONVERT),
    (rb".{4}ftyp(he[iv][cmsx]|mif1|msf1)", f"a HEIC image, {UNSEEN}", CONVERT),
    (rb"\xff\x0a|\x00\x00\x00\x0cJXL ", f"a JPEG XL image, {UNSEEN}", CONVERT),
    (rb"P[1-7Ff]\s", f"a PPM image, {UNSEEN}", CONVERT),
    (rb"qoif", f"a QOI image, {UNSEEN}", CONVERT),
    (rb"DDS ", f"a DDS texture, {UNSEEN}", CONVERT),
    (rb"SIMPLE  =", f"a FITS image, {UNSEEN}", CONVERT),
    (rb".{128}DICM", f"a DICOM image, {UNSEEN}", CONVERT),
    (rb"8BPS", "a Photoshop document", CONVERT),
    (rb"gimp xcf", "a GIMP document", CONVERT),
    (rb"\x00\x00[\x01\x02]\x00", "an icon, which holds several pictures", CONVERT),
    (rb".{4}ftypcrx |FUJIFILMCCD-RAW", "a camera's raw file", CONVERT),
    (rb"%PDF-", "a PDF document", "convert its pages to JPEG or PNG"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript drawing", CONVERT),
    (rb"\x93NUMPY|\x89HDF", "an array of numbers (NumPy or HDF5)", CONVERT),
    (rb".{4}ftyp|.{4}moov|\x1a\x45\xdf\xa3|\x00\x00\x01[\xb3\xba]|RIFF.{4}AVI ", "a video", FRAMES),
    (rb"ID3|OggS|fLaC|RIFF.{4}WAVE", "a sound recording", ADDRESS),
    (rb"PK\x03\x04|7z\xbc\xaf|Rar!|\x1f\x8b|BZh|\xfd7zXZ", "an archive", UNPACK),
    (rb"version https://git-lfs\.github\.com/", "a Git LFS pointer", "run `git lfs pull` where the images are"),
    (rb"(?i)(\xef\xbb\xbf)?\s*(<\?xml|<!)?[^\x00]*?<svg[\s>]", "an SVG drawing, which has no pixels", CONVERT),
    (rb"(?i)(\xef\xbb\xbf)?\s*<[^\x00]*?(doctype\s+html|<html|<head|<body)", "an HTML page, perhaps a login", ADDRESS),
    (rb"(?i)(\xef\xbb\xbf)?\s*<(html|head|body|script)\b", "an HTML page, perhaps a login", ADDRESS),
    (rb"(\xef\xbb\xbf)?\s*<[?\w]", "an XML document, perhaps an error of the storage", ADDRESS),
    (rb"(\xef\xbb\xbf)?\s*[\[{][^\x00-\x08]*\Z", "a JSON document, perhaps an error of the server", ADDRESS),
    (rb"[^\x00-\x08\x0e-\x1f]*\Z|\xff\xfe|\xfe\xff", "a text", ADDRESS),
)


def describe_file(content: bytes) -> str:
    """Return the kind of a file that cannot be read as an image, and what to do."""
    head = content[:HEAD]
    for pattern, kind, advice in KINDS:
        if re.match(pattern, head, re.DOTALL):
            return f"this is {kind}{_error_code(head)}: {advice}"
    return f"this is no image that is known here (it begins with {head[:8].hex(' ')}): {CONVERT}"


def _error_code(head: bytes) -> str:
    """Return the code of an error that a cloud storage answers in XML."""
    code = re.search(rb"<Code>(\w{1,40})</Code>", head)
    return f" ({code[1].decode()})" if code else ""
