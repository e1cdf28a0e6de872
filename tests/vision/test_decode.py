"""LoadImages: pixels of every mode, depth and layout, in every format."""

import io
import struct
import warnings
import zlib

import numpy as np
import PIL
import pytest
from PIL import Image

from condcap_sk.exceptions import UnreadableImageError
from condcap_sk.vision import LoadImages


@pytest.mark.parametrize("brightest", [1.0, 255.0])
def test__transform__floats__are_refused(brightest, tmp_path):
    pixels = np.linspace(0, brightest, 64, dtype=np.float32).reshape(8, 8)
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    with pytest.raises(UnreadableImageError, match="floats.*8 or 16 bits"):
        LoadImages(size=8).transform([tmp_path / "a.tif"])


RED = (200, 40, 40)
OLD_PILLOW = int(PIL.__version__.partition(".")[0]) < 13  # which reads less

# White, black, mid-grey and red, one in each corner.
CORNERS = np.array([[(255, 255, 255), (0, 0, 0)], [(128, 128, 128), (200, 40, 40)]])
PATCHES = CORNERS.repeat(32, 0).repeat(32, 1).astype(np.uint8)
GREY = np.asarray(Image.fromarray(PATCHES).convert("L"))


def patches(mode):
    image = Image.fromarray(PATCHES)
    if mode == "I" or mode.startswith("I;16"):
        kind = {"I": "<i4", "I;16B": ">u2"}.get(mode, "<u2")
        return Image.frombytes(mode, image.size, (GREY.astype(kind) * 257).tobytes())
    if mode == "LAB":
        cms = pytest.importorskip("PIL.ImageCms")
        profiles = [cms.createProfile(name) for name in ("sRGB", "LAB")]
        return cms.profileToProfile(image, *profiles, outputMode="LAB")
    if mode in ("P", "PA"):
        return image.quantize(8).convert(mode)
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "formats"),
    [
        ("1", "BMP GIF ICO IM JPEG PCX PNG PPM TGA TIFF"),
        ("L", "BMP DDS GIF ICNS ICO IM JPEG JPEG2000 PCX PNG PPM SGI TGA TIFF WEBP"),
        ("LA", "DDS ICO IM JPEG2000 PNG TGA TIFF WEBP"),
        ("P", "BMP GIF ICO IM PCX PNG TGA TIFF"),
        ("PA", "IM TIFF"),
        ("RGB", "BMP DDS ICNS ICO IM JPEG JPEG2000 MPO PCX PNG PPM SGI TGA TIFF WEBP"),
        ("RGBA", "BMP DDS ICNS ICO IM JPEG2000 PNG SGI TGA TIFF WEBP"),
        ("RGBX", "IM JPEG TIFF"),
        ("CMYK", "IM JPEG TIFF"),
        ("YCbCr", "IM JPEG TIFF"),
        ("LAB", "TIFF"),
        ("I", "PNG PPM"),
        ("I;16", "ICO IM JPEG2000 PNG TIFF"),
        ("I;16B", "IM JPEG2000 PNG TIFF"),
        ("I;16L", "IM"),
    ],
)
def test__mode__in_every_format_that_holds_it__is_right(mode, formats, tmp_path):
    image = patches(mode)
    if mode == "1":  # without dither
        image = Image.fromarray(GREY > 100)
    files = []
    for kind in formats.split():
        if mode == "YCbCr" and kind == "TIFF" and OLD_PILLOW:
            continue  # older ones cannot read what they have saved
        file = tmp_path / kind
        with warnings.catch_warnings(action="ignore"):  # of formats and modes that are deprecated
            try:
                image.save(file, kind)
            except (KeyError, OSError, ValueError):
                continue  # only other versions of Pillow save it
        files.append(file)
    assert files
    wanted = PATCHES
    if mode in ("1", "L", "LA") or mode.startswith("I"):
        wanted = np.stack([GREY if mode != "1" else (GREY > 100) * 255] * 3, -1)
    for file, pixels in zip(files, LoadImages(size=64).transform(files), strict=True):
        difference = pixels[16::32, 16::32].astype(int) - wanted[16::32, 16::32]
        assert np.abs(difference).max() < 13, file.name


def png(row, width, depth, colour, **chunks):
    """Return a PNG of eight equal rows; colour is 0 for grey, 2 for RGB, 3 for a palette."""
    header = struct.pack(">2I5B", width, 8, depth, colour, 0, 0, 0)
    chunks = {"IHDR": header, **chunks, "IDAT": zlib.compress(8 * (b"\0" + row)), "IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name.encode() + data
        + struct.pack(">I", zlib.crc32(name.encode() + data))
        for name, data in chunks.items()
    )  # fmt: skip


def read(content, tmp_path, size=8):
    (tmp_path / "image").write_bytes(content)
    return LoadImages(size=size).transform([tmp_path / "image"])[0]


@pytest.mark.parametrize("key", [None, "first", "middle", "last"])
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test__png__grey_of_any_depth__has_its_levels_and_transparency(depth, key, tmp_path):
    white = 2**depth - 1
    values = np.linspace(0, white, 8).astype(int)
    row = int("".join(f"{value:0{depth}b}" for value in values), 2).to_bytes(depth, "big")
    wanted = values * 255 // white
    if key is None:
        content = png(row, 8, depth, 0)
    else:
        key = values[{"first": 0, "middle": 3, "last": 7}[key]]
        wanted[values == key] = 255
        content = png(row, 8, depth, 0, tRNS=struct.pack(">H", key))
    np.testing.assert_array_equal(read(content, tmp_path)[0], np.stack([wanted] * 3, -1))


@pytest.mark.parametrize("depth", [8, 16])
def test__png__transparent_colour__becomes_white(depth, tmp_path):
    values = np.arange(8) * (2**depth // 8)
    colours = np.stack([values, 0 * values, 0 * values + 2**depth - 1], -1)
    kind = ">u2" if depth == 16 else "u1"
    key = colours[3].astype(">u2").tobytes()
    pixels = read(png(colours.astype(kind).tobytes(), 8, depth, 2, tRNS=key), tmp_path)[0]
    wanted = colours >> (depth - 8)
    wanted[3] = 255
    np.testing.assert_array_equal(pixels, wanted)


@pytest.mark.parametrize("alphas", [b"\xff\x00\xff", b"\xff\x00\x80"])
def test__png__transparent_places_of_a_palette__become_white(alphas, tmp_path):
    palette = np.arange(24).reshape(8, 3) * 10
    content = png(bytes(range(8)), 8, 8, 3, PLTE=bytes(palette.ravel().tolist()), tRNS=alphas)
    wanted = palette.astype(float)
    for place, alpha in enumerate(alphas):
        wanted[place] += (255 - wanted[place]) * (1 - alpha / 255)
    assert np.abs(read(content, tmp_path)[0] - wanted).max() < 2


def tiff(data, order="<", **tags):
    """Return an uncompressed TIFF of 8×8 pixels; of grey in 8 bits unless `tags` change it."""
    numbers = {
        "ImageWidth": 256, "ImageLength": 257, "BitsPerSample": 258, "Compression": 259,
        "PhotometricInterpretation": 262, "StripOffsets": 273, "SamplesPerPixel": 277,
        "RowsPerStrip": 278, "StripByteCounts": 279, "PlanarConfiguration": 284,
        "ColorMap": 320, "ExtraSamples": 338, "SampleFormat": 339, "YCbCrSubSampling": 530,
    }  # fmt: skip
    tags = {
        "ImageWidth": [8], "ImageLength": [8], "BitsPerSample": [8], "Compression": [1],
        "PhotometricInterpretation": [1], "StripOffsets": [0], "RowsPerStrip": [8],
        "StripByteCounts": [len(data)],
    } | tags  # fmt: skip
    tags.setdefault("SamplesPerPixel", [len(tags["BitsPerSample"])])
    if tags.get("PlanarConfiguration") == [2]:  # a strip for each channel
        n = len(tags["BitsPerSample"])
        tags |= {"StripOffsets": [0] * n, "StripByteCounts": [len(data) // n] * n}
    n_before = 8 + 2 + 12 * len(tags) + 4
    fields, values = b"", b""
    for name in sorted(tags, key=numbers.get):
        if name == "StripOffsets":
            start = n_before + 2 * sum(len(tag) for tag in tags.values() if len(tag) > 2)
            tags[name] = [start + i * tags["StripByteCounts"][0] for i in range(len(tags[name]))]
        packed = struct.pack(f"{order}{len(tags[name])}H", *tags[name])
        fields += struct.pack(f"{order}2HI", numbers[name], 3, len(tags[name]))
        if len(packed) > 4:
            fields += struct.pack(f"{order}I", n_before + len(values))
            values += packed
        else:
            fields += packed.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return head + struct.pack(f"{order}H", len(tags)) + fields + bytes(4) + values + data


RAMP = np.arange(64) / 63  # the pixels of those TIFFs
COLOUR = np.stack([RAMP, RAMP[::-1], RAMP**2], -1)


def pack(values, kind="u1"):
    white = np.iinfo(kind).max if np.dtype(kind).kind in "iu" else 1
    return (np.asarray(values) * white).astype(kind).tobytes()


def pack_12_bits(values):
    bits = "".join(f"{int(value * 4095):012b}" for value in values)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


TURNED = {"PhotometricInterpretation": [0]}
RGB = {"PhotometricInterpretation": [2]}


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (tiff(pack(RAMP)), RAMP),
        (tiff(pack(RAMP), ">"), RAMP),
        (tiff(pack(1 - RAMP), **TURNED), RAMP),
        (tiff(pack(RAMP, "<u2"), BitsPerSample=[16]), RAMP),
        (tiff(pack(RAMP, ">u2"), ">", BitsPerSample=[16]), RAMP),
        (tiff(pack(1 - RAMP, "<u2"), BitsPerSample=[16], **TURNED), RAMP),
        (tiff(pack_12_bits(RAMP), BitsPerSample=[12]), RAMP),
        (tiff(pack(COLOUR), BitsPerSample=[8] * 3, **RGB), COLOUR),
        (tiff(pack(COLOUR, "<u2"), BitsPerSample=[16] * 3, **RGB), COLOUR),
        (tiff(pack(COLOUR, ">u2"), ">", BitsPerSample=[16] * 3, **RGB), COLOUR),
        (tiff(pack(COLOUR.T), BitsPerSample=[8] * 3, PlanarConfiguration=[2], **RGB), COLOUR),
        (
            tiff(
                pack(1 - np.c_[COLOUR, np.ones(64)], "<u2"),
                BitsPerSample=[16] * 4,
                PhotometricInterpretation=[5],
            ),
            COLOUR,
        ),
        (
            tiff(pack(np.c_[COLOUR / 2, np.full(64, 0.5)]), BitsPerSample=[8] * 4,
                 ExtraSamples=[1], **RGB),
            COLOUR / 2 + 0.5,
        ),
        pytest.param(
            tiff(pack(np.c_[RAMP / 2, np.full(64, 0.5)]), BitsPerSample=[8] * 2, ExtraSamples=[1]),
            RAMP / 2 + 0.5,
            marks=pytest.mark.skipif(OLD_PILLOW, reason="refused"),
        ),
        (
            tiff(bytes(range(64)), PhotometricInterpretation=[3],
                 ColorMap=[*(np.arange(768) % 256 * 257).tolist()]),
            np.arange(64) / 255,
        ),
    ],
)  # fmt: skip
def test__tiff__of_known_white__is_right(content, wanted, tmp_path):
    wanted = wanted if wanted.ndim == 2 else np.stack([wanted] * 3, -1)
    pixels = read(content, tmp_path).reshape(64, 3)
    assert np.abs(pixels - 255 * wanted).max() < 3


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (tiff(pack(RAMP, "i1"), SampleFormat=[2]), "are signed"),
        (tiff(pack(RAMP, "<i2"), BitsPerSample=[16], SampleFormat=[2]), "are signed"),
        (tiff(pack(RAMP, "<i4"), BitsPerSample=[32], SampleFormat=[2]), "are signed"),
        (tiff(pack(RAMP, "<u4"), BitsPerSample=[32]), "have 32 bits"),
        (tiff(pack(RAMP, "<f2"), BitsPerSample=[16], SampleFormat=[3]), "format, depth and layout"),
        (tiff(pack(RAMP, "<f4"), BitsPerSample=[32], SampleFormat=[3]), "are floats"),
        (tiff(pack(RAMP, "<f8"), BitsPerSample=[64], SampleFormat=[3]), "format, depth and layout"),
        (
            tiff(pack(COLOUR.T, "<u2"), BitsPerSample=[16] * 3, PlanarConfiguration=[2], **RGB),
            "channels lie one after the other",
        ),
        (
            tiff(pack([RAMP, RAMP]), BitsPerSample=[8] * 2, PlanarConfiguration=[2],
                 ExtraSamples=[2]),
            "channels lie one after the other",
        ),
        (
            tiff(pack(np.tile(RAMP, 6)[:96]) + bytes(96), BitsPerSample=[8] * 3,
                 PhotometricInterpretation=[6], YCbCrSubSampling=[2, 2], StripByteCounts=[96]),
            "colours are subsampled",
        ),
        (
            tiff(bytes(range(64)), PhotometricInterpretation=[3],
                 ColorMap=[*(np.arange(768) % 256).tolist()]),
            "palette has 8 bits",
        ),
        (tiff(pack(RAMP)[:40]), "truncated"),
    ],
)  # fmt: skip
def test__tiff__that_cannot_be_right__is_refused(content, why, tmp_path):
    with pytest.raises(UnreadableImageError, match=why):
        read(content, tmp_path)


def test__integers_of_unknown_white__in_other_formats__are_refused(tmp_path):
    fields = ["SIMPLE  = T", "BITPIX  = 16", "NAXIS   = 2", "NAXIS1  = 8", "NAXIS2  = 8", "END"]
    fits = "".join(field.ljust(80) for field in fields).ljust(2880).encode()
    with pytest.raises(UnreadableImageError, match="format FITS, and what is white is unknown"):
        read(fits + pack(RAMP, ">i2").ljust(2880, b"\0"), tmp_path)
    with warnings.catch_warnings(action="ignore"):  # that the format is deprecated
        Image.fromarray(np.zeros((8, 8), np.int32)).save(tmp_path / "a.im")
    with pytest.raises(UnreadableImageError, match="format IM, and what is white is unknown"):
        LoadImages(size=8).transform([tmp_path / "a.im"])


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "RGB"), ("WEBP", "RGB"), *(("TIFF", mode) for mode in ("RGB", "P", "I;16", "I;16B"))],
)
def test__camera_orientation__in_every_format__is_applied(kind, mode, turn, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(PATCHES).save(tmp_path / "right.jpg", exif=exif, quality=95)
    image = patches(mode)
    image.save(tmp_path / "image", kind, exif=exif)
    right, pixels = LoadImages(size=2).transform([tmp_path / "right.jpg", tmp_path / "image"])
    if mode.startswith("I"):
        right = np.asarray(Image.fromarray(right).convert("L"))[..., None]
    assert np.abs(pixels.astype(int) - right).max() < 13


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test__several_frames__the_first__is_taken(kind, tmp_path):
    first, *others = (Image.new("RGB", (8, 8), colour) for colour in (RED, "blue", "green"))
    options = {"lossless": True} if kind == "WEBP" else {}
    first.save(tmp_path / "image", kind, save_all=True, append_images=others, **options)
    pixels = LoadImages(size=4).transform([tmp_path / "image"])[0]
    assert np.abs(pixels - np.array(RED, dtype=float)).max() < 3


@pytest.mark.parametrize("kind", ["BMP", "GIF", "JPEG", "PNG", "PPM", "TGA", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test__truncated__in_every_format__is_refused(kind, share, tmp_path):
    noise = np.random.RandomState(0).randint(256, size=(64, 64, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, kind)
    content = stream.getvalue()
    with pytest.raises(UnreadableImageError, match="1 of 1"):
        read(content[: int(share * len(content))], tmp_path)


def test__very_large__is_read_or_refused_the_same_under_any_warnings(tmp_path, monkeypatch):
    file = tmp_path / "a.png"
    Image.new("RGB", (20, 10), RED).save(file)
    wanted = LoadImages(size=4).transform([file])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 150)  # Pillow warns
    with warnings.catch_warnings(action="error"):
        np.testing.assert_array_equal(LoadImages(size=4).transform([file]), wanted)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 90)  # and refuses twice as many
    with pytest.raises(UnreadableImageError, match=r"DecompressionBombError: .*200 pixels"):
        LoadImages(size=4).transform([file])


@pytest.mark.parametrize("size", [(1, 1), (1, 30_000), (30_000, 1)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test__odd_sizes__are_read(kind, size, tmp_path):
    Image.new("RGB", size, RED).save(tmp_path / "image", kind)
    pixels = LoadImages(size=3).transform([tmp_path / "image"])
    assert np.abs(pixels - np.array(RED, dtype=float)).max() < 6
