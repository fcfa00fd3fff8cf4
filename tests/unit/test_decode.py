"""Files → upright samples: formats, depths, orientation, profiles, and what is refused."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from densitometry.capture import from_array, read
from densitometry.capture.decode import decode, upright
from densitometry.errors import ImageSizeError, UnreadableImageError
from densitometry.settings import CaptureSettings
from densitometry.units import PixelSize

HEIGHT, WIDTH = 80, 120


@pytest.fixture
def rgb() -> NDArray[np.uint8]:
    """A smooth picture with no symmetry."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([x * 2, y * 3, (x + y) // 2 + 20], -1).astype(np.uint8)


def save(path: Path, picture: Image.Image, **options: object) -> Path:
    picture.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_8_bit_rgb_comes_back_unchanged(tmp_path: Path, rgb: NDArray[np.uint8], suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(rgb))
    decoded = decode(path)
    assert np.array_equal(decoded.pixels, rgb)
    assert (decoded.name, decoded.tone, decoded.opaque) == ("a", "sRGB assumed", None)
    assert decoded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_jpeg_is_near_and_grey_jpeg_is_grey(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    colour = decode(save(tmp_path / "a.jpg", Image.fromarray(rgb), quality=98, subsampling=0)).pixels
    assert np.abs(colour.astype(int) - rgb).max() < 12
    grey = decode(save(tmp_path / "g.jpg", Image.fromarray(rgb[..., 0]), quality=95)).pixels
    assert grey.shape == (HEIGHT, WIDTH, 3)
    assert np.array_equal(grey[..., 0], grey[..., 2])


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_are_kept(tmp_path: Path, rgb: NDArray[np.uint8], suffix: str, channels: int) -> None:
    deep = rgb.astype(np.uint16) * 257 + 3
    stored = {
        1: deep[..., 0],
        3: deep[..., ::-1],
        4: np.dstack([deep[..., ::-1], np.full((HEIGHT, WIDTH), 65535, np.uint16)]),
    }
    path = tmp_path / f"a.{suffix}"
    assert cv2.imwrite(str(path), stored[channels])
    decoded = decode(path)
    assert decoded.pixels.dtype == np.uint16
    wanted = np.repeat(deep[..., :1], 3, axis=2) if channels == 1 else deep
    assert np.array_equal(decoded.pixels, wanted)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path: Path, rgb: NDArray[np.uint8], mode: str) -> None:
    picture = Image.fromarray(rgb).convert(mode)
    path = save(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"), picture)
    decoded = decode(path)
    assert decoded.pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(decoded.pixels.astype(int) - np.asarray(picture.convert("RGB"))).max() <= 1


def test_transparent_pixels_are_not_field(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:, :40] = 0
    path = save(tmp_path / "a.png", Image.fromarray(np.dstack([rgb, alpha])))
    image = read(path, um_per_px=20.0)
    assert not image.valid[:, :40].any()
    assert image.valid[:, 40:].all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("suffix", "mode"), [("jpg", "RGB"), ("png", "RGB"), ("tif", "RGB"), ("tif", "RGBA"), ("png", "P")]
)
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, suffix: str, mode: str) -> None:
    """A picture stored for each orientation shows the same corner colours once upright."""
    view = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    view[:30, :30], view[:30, -30:], view[-30:, :30] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    # The inverse of 6 is 8 and the other way round; the rest undo themselves.
    stored = np.ascontiguousarray(upright(view, {6: 8, 8: 6}.get(orientation, orientation)))
    picture = Image.fromarray(stored).convert(mode)
    exif = Image.Exif()
    exif[274] = orientation
    path = save(tmp_path / f"a.{suffix}", picture, exif=exif)
    with Image.open(path) as stored_picture:
        assert stored_picture.getexif()[274] == orientation
    decoded = decode(path).pixels
    assert decoded.shape == view.shape
    assert np.abs(decoded[5, 5].astype(int) - view[5, 5]).max() < 50
    assert np.abs(decoded[5, -5].astype(int) - view[5, -5]).max() < 50
    assert np.abs(decoded[-5, 5].astype(int) - view[-5, 5]).max() < 50


def test_icc_profile(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = decode(save(tmp_path / "a.png", Image.fromarray(rgb), icc_profile=srgb))
    assert same.tone == "ICC"
    assert np.array_equal(same.pixels, rgb)
    damaged = decode(save(tmp_path / "b.png", Image.fromarray(rgb), icc_profile=b"no profile at all"))
    assert damaged.tone == "sRGB assumed"
    assert np.array_equal(damaged.pixels, rgb)


def swapped_profile() -> bytes:
    """An sRGB profile whose red and blue primaries change places."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", data, 128)[0]
    for k in range(count):
        at = 132 + 12 * k
        name = bytes(data[at : at + 4])
        if name in (b"rXYZ", b"bXYZ"):
            data[at : at + 4] = b"bXYZ" if name == b"rXYZ" else b"rXYZ"
    return bytes(data)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_foreign_icc_profile_is_converted(tmp_path: Path, rgb: NDArray[np.uint8], depth: type) -> None:
    if depth is np.uint8:
        path = save(tmp_path / "a.png", Image.fromarray(rgb), icc_profile=swapped_profile())
    else:
        path = tmp_path / "a.png"
        ok, packed = cv2.imencode(".png", (rgb[..., ::-1].astype(np.uint16) * 257))
        assert ok
        path.write_bytes(with_chunk(packed.tobytes(), b"iCCP", b"x\0\0" + zlib.compress(swapped_profile())))
    decoded = decode(path)
    assert decoded.tone == "ICC"
    assert np.abs(decoded.pixels.astype(int) - rgb[..., ::-1]).max() <= 3


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """Insert a chunk right behind the PNG's header."""
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return png[:33] + chunk + png[33:]


def test_linear_only_when_stated(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(with_chunk(buffer.getvalue(), b"gAMA", struct.pack(">I", 100_000)))
    assert decode(path).tone == "linear"
    path.write_bytes(with_chunk(buffer.getvalue(), b"gAMA", struct.pack(">I", 45_455)))
    assert decode(path).tone == "sRGB assumed"


def test_nothing_of_the_file_travels_on(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[271] = "A camera of somebody"
    exif.get_ifd(0x8825)[1] = "N"
    decoded = decode(save(tmp_path / "somebody.jpg", Image.fromarray(rgb), exif=exif))
    assert "camera" not in repr(decoded)
    assert decoded.__slots__ == ("pixels", "opaque", "tone", "sha256", "name")


def broken_files(rgb: NDArray[np.uint8]) -> dict[str, bytes]:
    jpeg, png, tiff = io.BytesIO(), io.BytesIO(), io.BytesIO()
    Image.fromarray(rgb).save(jpeg, "JPEG")
    Image.fromarray(rgb).save(png, "PNG")
    Image.fromarray(rgb).save(tiff, "TIFF")
    return {
        "empty.jpg": b"",
        "text.jpg": b"this is no picture",
        "cut.jpg": jpeg.getvalue()[:-200],
        "header.jpg": jpeg.getvalue()[:12],
        "cut.png": png.getvalue()[:-60],
        "damaged.png": png.getvalue()[:60] + b"\0" * 40 + png.getvalue()[100:],
        "cut.tif": tiff.getvalue()[:2000],
        "start.tif": b"II*\0\x08\0\0\0",
        "gif.png": b"GIF89a" + b"\0" * 40,
    }


@pytest.mark.parametrize("name", sorted(broken_files(np.zeros((HEIGHT, WIDTH, 3), np.uint8))))
def test_broken_files_are_refused(tmp_path: Path, rgb: NDArray[np.uint8], name: str) -> None:
    path = tmp_path / name
    path.write_bytes(broken_files(rgb)[name])
    with pytest.raises(UnreadableImageError) as caught:
        decode(path)
    assert len(caught.value.lines().splitlines()) == 3
    assert name in caught.value.what


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="nothing"):
        decode(tmp_path / "nothing.png")
    with pytest.raises(UnreadableImageError):
        decode(tmp_path)


def test_second_page_of_full_size_is_not_skipped(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    pages = [Image.fromarray(rgb), Image.fromarray(rgb[::-1].copy())]
    path = tmp_path / "a.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    with pytest.raises(UnreadableImageError) as caught:
        decode(path)
    assert "several pages" in caught.value.why


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", body), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b""))
    packed = (struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize("size", [(1, 1), (60_000, 60_000), (63, 4_000)])
def test_absurd_sizes_are_refused_before_decoding(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_header(*size))
    with pytest.raises(ImageSizeError) as caught:
        decode(path)
    assert len(caught.value.lines().splitlines()) == 3


def test_size_limit_is_a_setting(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(np.tile(rgb, (10, 10, 1))))
    with pytest.raises(ImageSizeError, match="1200 × 800"):
        decode(path, CaptureSettings(max_megapixels=0.9))


def test_from_array(rgb: NDArray[np.uint8]) -> None:
    image = from_array(rgb[..., 0], PixelSize(10.0, "simulated"), "made")
    assert (image.name, image.sha256, image.pixels.shape) == ("made", "", (HEIGHT, WIDTH, 3))
    with pytest.raises(ValueError, match="uint8"):
        from_array(rgb.astype(float), PixelSize(10.0, "simulated"))
    with pytest.raises(ImageSizeError):
        from_array(rgb[:10], PixelSize(10.0, "simulated"))
