"""Small image files of every kind that people label, each made here."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

CASES = Path(__file__).parents[1] / "cases"
WIDTH, HEIGHT = 64, 48
XMP = b'<x:xmpmeta><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></x:xmpmeta>'


def scene():
    """Two rectangles on a gradient; no turn or mirror image of it is the same."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    pixels = np.stack([x * 4, y * 5, (x + y) * 2], -1).astype(np.uint8)
    pixels[5:15, 8:30] = 250, 20, 30
    pixels[30:44, 40:60] = 10, 240, 60
    return Image.fromarray(pixels)


RGB = scene()
GREY = RGB.convert("L")
ALPHA = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
RGBA = Image.fromarray(np.dstack([np.asarray(RGB), ALPHA]))
PALETTE = RGB.quantize(16)
FRAMES = [Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("red", "lime", "blue")]
DEEP_GREY = (np.asarray(GREY).astype(np.uint16) * 257 + np.arange(WIDTH, dtype=np.uint16)).astype(">u2")
DEEP_RGB = (np.asarray(RGB).astype(np.uint16) * 257 ^ 21).astype(">u2")
DEEP_ALPHA = (ALPHA.astype(np.uint16) * 257).astype(">u2")


def saved(image, form, **options):
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(depth, colour_type, rows, *extra, size=(WIDTH, HEIGHT)):
    """A PNG of the given rows, as Pillow cannot write it."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + bytes(row) for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + data + chunk(b"IEND", b"")


def late(*extra):
    """A PNG with chunks after its pixels."""
    plain, end = png(8, 2, np.asarray(RGB).reshape(HEIGHT, -1)), len(chunk(b"IEND", b""))
    return plain[:-end] + b"".join(extra) + plain[-end:]


def deep(values, colour_type, *extra):
    return png(16, colour_type, [row.tobytes() for row in values], *extra)


def orientation(value, *, order="<", kind=3, count=1, length=None):
    """EXIF data with an orientation, well-formed or not."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    held = struct.pack(f"{order}I", value) if kind == 4 else struct.pack(f"{order}HH", value, 0)
    tiff = mark + struct.pack(f"{order}IHHHI", 8, 1, 0x0112, kind, count) + held + bytes(4)
    return b"Exif\0\0" + tiff[:length]


def with_segments(jpeg, *segments):
    """A JPEG with APP1 segments before all others."""
    packed = b"".join(b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data for data in segments)
    return jpeg[:2] + packed + jpeg[2:]


def _text(key, text):
    """A text chunk of a PNG."""
    info = PngImagePlugin.PngInfo()
    info.add_text(key, text)
    return info


def _old_exif():
    """EXIF data as old programs put it into the text of a PNG."""
    data = orientation(6)
    return f"\nexif\n{len(data):8}\n{data.hex()}\n"


JPEG = saved(RGB, "JPEG", quality=95, subsampling=0)
ADOBE_XMP = b"http://ns.adobe.com/xap/1.0/\0" + XMP


def _jpegs():
    """JPEGs by name."""
    return {
        **{f"exif-{value}.jpg": with_segments(JPEG, orientation(value)) for value in range(10)},
        "exif-big-endian.jpg": with_segments(JPEG, orientation(6, order=">")),
        "exif-long.jpg": with_segments(JPEG, orientation(6, kind=4)),
        "exif-count-2.jpg": with_segments(JPEG, orientation(6, count=2)),
        "exif-cut-off.jpg": with_segments(JPEG, orientation(6, length=20)),
        "exif-no-tiff.jpg": with_segments(JPEG, b"Exif\0\0hello"),
        "exif-twice.jpg": with_segments(JPEG, orientation(6), orientation(3)),
        "exif-after-xmp.jpg": with_segments(JPEG, b"http://ns.adobe.com/xap/1.0/\0<x/>", orientation(6)),
        "xmp.jpg": with_segments(JPEG, ADOBE_XMP),
        "420.jpg": saved(RGB, "JPEG", quality=90),
        "progressive.jpg": saved(RGB, "JPEG", progressive=True),
        "stored-as-rgb.jpg": saved(RGB, "JPEG", keep_rgb=True),
        "grey.jpg": saved(GREY, "JPEG"),
        "cmyk.jpg": saved(RGB.convert("CMYK"), "JPEG", quality=95),
    }


def _pngs():
    """PNGs by name."""
    return {
        "plain.png": saved(RGB, "PNG"),
        "grey.png": saved(GREY, "PNG"),
        "one-bit.png": saved(GREY.convert("1"), "PNG"),
        "four-bits.png": png(4, 0, (np.asarray(GREY)[:, ::2] & 0xF0) | (np.asarray(GREY)[:, 1::2] >> 4)),
        "exif-6.png": saved(RGB, "PNG", exif=orientation(6)),
        "exif-6-after-the-pixels.png": late(chunk(b"eXIf", orientation(6)[6:])),
        "gamma-after-the-pixels.png": late(chunk(b"gAMA", struct.pack(">I", 100_000))),
        "xmp.png": saved(RGB, "PNG", pnginfo=_text("XML:com.adobe.xmp", XMP.decode())),
        "old-exif.png": saved(RGB, "PNG", pnginfo=_text("Raw profile type exif", _old_exif())),
        "broken-old-exif.png": saved(RGB, "PNG", pnginfo=_text("Raw profile type exif", "\n\n\nno hex")),
        "rgba.png": saved(RGBA, "PNG"),
        "opaque.png": saved(RGB.convert("RGBA"), "PNG"),
        "grey-alpha.png": saved(RGBA.convert("LA"), "PNG"),
        "palette.png": saved(PALETTE, "PNG"),
        "palette-of-4.png": saved(RGB.quantize(4), "PNG", bits=2),
        "palette-clear.png": saved(PALETTE, "PNG", transparency=bytes(range(0, 256, 16))),
        "colour-clear.png": saved(RGB, "PNG", transparency=(250, 20, 30)),
        "grey-clear.png": saved(GREY, "PNG", transparency=int(np.asarray(GREY)[8, 10])),
        "deep-grey.png": deep(DEEP_GREY, 0),
        "deep-grey-clear.png": deep(DEEP_GREY, 0, chunk(b"tRNS", DEEP_GREY[8, 10].tobytes())),
        "deep-rgb.png": deep(DEEP_RGB, 2),
        "deep-rgb-clear.png": deep(DEEP_RGB, 2, chunk(b"tRNS", DEEP_RGB[8, 10].tobytes())),
        "deep-grey-alpha.png": deep(np.dstack([DEEP_GREY, DEEP_ALPHA]), 4),
        "deep-rgba.png": deep(np.dstack([DEEP_RGB, DEEP_ALPHA]), 6),
        "linear.png": png(8, 2, np.asarray(RGB).reshape(HEIGHT, -1), chunk(b"gAMA", struct.pack(">I", 100_000))),
        "linear-deep.png": deep(DEEP_GREY, 0, chunk(b"gAMA", struct.pack(">I", 100_000))),
        "gamma-of-srgb.png": png(8, 2, np.asarray(RGB).reshape(HEIGHT, -1), chunk(b"gAMA", struct.pack(">I", 45_455))),
        "animated.png": saved(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:], duration=9000),
        "animated-after-a-picture.png": saved(
            FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:], duration=9000, default_image=True
        ),
    }


def _other_forms():
    """Files of other formats by name."""
    return {
        "plain.webp": saved(RGB, "WEBP", lossless=True),
        "lossy.webp": saved(RGB, "WEBP", quality=90),
        "rgba.webp": saved(RGBA, "WEBP", lossless=True),
        "exif-6.webp": saved(RGB, "WEBP", lossless=True, exif=orientation(6)),
        "animated.webp": saved(
            FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:], duration=9000, lossless=True
        ),
        "plain.gif": saved(RGB.quantize(200), "GIF"),
        "clear.gif": saved(PALETTE, "GIF", transparency=3),
        "animated.gif": saved(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:], duration=9000),
        "plain.avif": saved(RGB, "AVIF", quality=100, subsampling="4:4:4"),
        "turned.avif": saved(RGB, "AVIF", quality=100, subsampling="4:4:4", exif=orientation(6)),
        "plain.bmp": saved(RGB, "BMP"),
        "palette.bmp": saved(PALETTE, "BMP"),
        "one-bit.bmp": saved(GREY.convert("1"), "BMP"),
        "rgba.bmp": saved(RGBA, "BMP"),
    }


def shown():
    """By name, files that browsers show."""
    return {**_jpegs(), **_pngs(), **_other_forms()}


def readable():
    """By name, files that can be read too, though only some browsers show them."""
    return {
        "plain.tif": saved(RGB, "TIFF"),
        "deflated.tif": saved(RGB, "TIFF", compression="tiff_deflate"),
        "cmyk.tif": saved(RGB.convert("CMYK"), "TIFF"),
        "deep-grey.tif": saved(Image.fromarray(DEEP_GREY.astype("<u2")), "TIFF"),
        "pages.tif": saved(RGB, "TIFF", save_all=True, append_images=FRAMES),
        "plain.jp2": saved(RGB, "JPEG2000"),
    }


def good():
    """By name, all files that can be read."""
    cases = {name: (CASES / name).read_bytes() for name in ("g16.png", "rot.webp")}
    return {**shown(), **readable(), **cases}


def refused():
    """By name, files that are no image of 8 or 16 bits that browsers show, and a word of the reason."""
    floats = Image.fromarray(np.asarray(GREY, dtype=np.float32))
    return {
        "float.tif": (saved(floats, "TIFF"), "floating-point"),
        "integer.tif": (saved(GREY.convert("I"), "TIFF"), "32-bit"),
        "preview.tif": (saved(RGB, "TIFF", tiffinfo={254: 1}), "preview"),
        "image.psd": (b"8BPS\0\1" + bytes(20), "Photoshop"),
        "image.ppm": (saved(RGB, "PPM"), "PPM"),
        "image.ico": (saved(RGB, "ICO"), "icon"),
        "image.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        "image.jxl": (b"\xff\x0a" + bytes(20), "JPEG XL"),
        "image.svg": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        "login.html": (b"<!DOCTYPE html><html><head><title>Sign in</title>", "HTML page"),
        "error.xml": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "AccessDenied"),
        "error.json": (b'{"detail": "not found"}', "JSON"),
        "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n", "git lfs pull"),
        "text": (b"not found", "a text"),
        "document.pdf": (b"%PDF-1.7\n" + bytes(20), "PDF"),
        "video.mp4": (b"\0\0\0\x20ftypisom\0\0\2\0", "video"),
        "archive.zip": (b"PK\3\4" + bytes(20), "archive"),
        "scan.dcm": (bytes(128) + b"DICM", "DICOM"),
        "empty": (b"", "empty file"),
        "zeros": (bytes(500), "zero bytes"),
        "noise": (b"\x01\x02\x03\x04\x05\x06\x07\x08\x09", "begins with 01 02 03"),
        "cut.png": (saved(RGB, "PNG")[:-40], "PNG image that is damaged"),
        "cut.jpg": (JPEG[: len(JPEG) // 2], "truncated"),
    }
