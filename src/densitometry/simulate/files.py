"""Write a phantom to a folder: the picture and, beside it, its truth."""

from __future__ import annotations

import json
from pathlib import Path

import cv2

from densitometry.errors import OutputError
from densitometry.simulate.phantom import Phantom

JPEG_QUALITY = 95


def write_phantom(folder: Path, name: str, phantom: Phantom, suffix: str = ".png") -> Path:
    """Write `name` + suffix (".png" or ".jpg") and `name`.json: the truth first, each file in one move.

    Returns:
        Path of the picture.

    Raises:
        OutputError: if the folder cannot be written to.
        ValueError: for another suffix.
    """
    if suffix not in (".png", ".jpg"):
        msg = f"a phantom is written as .png or .jpg, not {suffix!r}"
        raise ValueError(msg)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else []
    _, packed = cv2.imencode(suffix, cv2.cvtColor(phantom.rgb, cv2.COLOR_RGB2BGR), options)
    truth = json.dumps(phantom.truth(), sort_keys=True, separators=(",", ":")) + "\n"
    picture = folder / f"{name}{suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target, content in ((folder / f"{name}.json", truth.encode()), (picture, packed.tobytes())):
            part = target.with_name(target.name + ".part")
            part.write_bytes(content)
            part.replace(target)
    except OSError as error:
        what = f"cannot write {picture}"
        fix = f"give another folder than {folder}, or free space there"
        raise OutputError(what, str(error), fix) from error
    return picture
