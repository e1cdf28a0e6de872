"""One image file → its pixels in 8 bits RGB, where Pillow reads them right."""

import os
from types import ModuleType
from typing import IO, TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile
    from PIL.TiffImagePlugin import TiffImageFile

# Formats whose pixels of more than 8 bits Pillow scales to 0 to 65535.
_16_BITS = {"PNG", "PPM", "JPEG2000", "ICO"}
# A photograph is decoded at no less than this multiple of the wanted size, by hand: more is lost in
# resizing anyway.
_DRAFT = 2


class _Openable(Protocol):
    def open(self, mode: str, /) -> IO[bytes]: ...


File = str | bytes | os.PathLike | _Openable


def decoded(
    file: File,
    size: int,
    Image: ModuleType,
    ImageOps: ModuleType,
    UnidentifiedImageError: type[OSError],
) -> NDArray[np.uint8]:
    """Return the pixels (size, size, 3) of a file; the others are what `import_pillow` returns."""
    with file.open("rb") if hasattr(file, "open") else open(file, "rb") as stream:
        try:
            image = Image.open(stream)
        except UnidentifiedImageError as error:
            raise UnidentifiedImageError(
                "no image of a format, depth and layout that Pillow reads: save it as PNG"
            ) from error
        black, white = _levels(image)
        _scale_transparency(image)
        # JPEG can be decoded at a lower resolution, which saves time.
        image.draft("RGB", (_DRAFT * size, _DRAFT * size))
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):
            # Pillow would cut them off at 255.
            pixels = np.asarray(image).astype(np.int32)
            grey = ((pixels - black) * 255 // (white - black)).clip(0, 255)
            if "transparency" in image.info:
                grey[pixels == image.info["transparency"]] = 255
            image = Image.fromarray(grey.astype(np.uint8))
        if image.mode == "La":
            image = image.convert("LA")  # the only mode that Pillow converts La to
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC))


def _levels(image: "ImageFile") -> tuple[int, int]:
    """Return which pixel values are black and white; raise where Pillow misreads the pixels."""
    if image.mode == "F":
        raise ValueError(
            "its pixels are floats, and what is white is unknown: save it in 8 or 16 bits"
        )
    if image.format == "TIFF":
        return _tiff_levels(cast("TiffImageFile", image))
    if image.mode == "I" or image.mode.startswith("I;"):
        if image.format not in _16_BITS and not (image.format == "IM" and image.mode != "I"):
            raise ValueError(
                f"its pixels are integers in the format {image.format}, and what is white is "
                "unknown: save it in 8 bits, or as PNG"
            )
        return 0, 2**16 - 1
    return 0, 255


def _tiff_levels(image: "TiffImageFile") -> tuple[int, int]:
    tags = image.tag_v2
    bits = tags.get(258, (1,))  # BitsPerSample
    photometric = tags.get(262, 0)  # PhotometricInterpretation: 0 is WhiteIsZero, 6 YCbCr
    if set(tags.get(339, (1,))) != {1}:  # SampleFormat
        raise ValueError(
            "its pixels are signed, and what is white is unknown: save it in 8 or 16 bits, unsigned"
        )
    if max(bits) > 16:
        raise ValueError(
            f"its pixels have {max(bits)} bits, and what is white is unknown: save it in 8 or 16"
        )
    # Pillow misreads the following without an error.
    is_raw = image.info.get("compression") == "raw"
    is_planar = tags.get(284) == 2 and len(image.getbands()) > 1  # PlanarConfiguration
    if is_planar and (image.mode in ("LA", "La", "PA") or (is_raw and max(bits) > 8)):
        raise ValueError(
            "its channels lie one after the other, which Pillow misreads here: save it in 8 bits, "
            "or with planarconfig='contig'"
        )
    n_bytes = sum(tags.get(279, tags.get(325, ())))  # StripByteCounts, TileByteCounts
    if photometric == 6 and is_raw and n_bytes < 3 * image.width * image.height:
        raise ValueError("its colours are subsampled, which Pillow misreads: save it as RGB")
    if image.mode in ("P", "PA") and 0 < max(tags[320]) < 256:  # ColorMap
        raise ValueError("its palette has 8 bits instead of 16: save it as RGB")
    white = 2 ** max(bits) - 1
    # Up to 8 bits, Pillow itself inverts and scales them.
    return (white, 0) if photometric == 0 else (0, white)


def _scale_transparency(image: "ImageFile") -> None:
    """Scale the transparent colour of a PNG as Pillow scales its pixels."""
    key = image.info.get("transparency")
    if image.format != "PNG" or key is None or image.mode not in ("1", "L", "RGB"):
        return
    raw_mode = image.tile[0][3]
    if image.mode == "1":
        key = 255 if key else 0
    elif raw_mode in ("L;2", "L;4"):
        white = 2 ** int(raw_mode[2]) - 1
        key = key * 255 // white if key <= white else key
    elif raw_mode == "RGB;16B":
        key = tuple(value >> 8 for value in key)
    image.info["transparency"] = key


def import_pillow() -> tuple[ModuleType, ModuleType, type[OSError]]:
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as error:
        raise ImportError(
            "Image files need Pillow. Install it with: pip install 'condcap_sk[images]'"
        ) from error
    return Image, ImageOps, UnidentifiedImageError
