"""A copy of a study's pictures under random codes: nothing in it tells participant, visit or arm."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from densitometry.capture.decode import TONE_LINEAR, Decoded, compression_of, decode
from densitometry.errors import BlindingError, DensitometryError
from densitometry.report.folders import move_away, whole_folder, write_whole_file
from densitometry.study.audit import AuditLog, digest_of
from densitometry.study.check import file_digest
from densitometry.study.entities import Picture, Study
from densitometry.study.names import WHOLE_HEAD
from densitometry.study.plan import scale_of
from densitometry.study.problems import Problem
from densitometry.study.scope import first_reason
from densitometry.study.trial import audit_folder, is_held

KEY_SCHEMA = "densitometry.blinding-key/1"
MANIFEST_NAME, PICTURES_FOLDER = "pictures.csv", "pictures"
MANIFEST_COLUMNS = (
    "image",
    "participant",
    "session",
    "day",
    "site",
    "modality",
    "um_per_px",
    "scale_error_pct",
)
SESSION, DAY = "blinded", "0"
BLINDED = "blinded copy"
EVERY_TIME_S = 946_684_800
"""The time every file of the copy bears: the first second of the year 2000 [s since 1970]."""
_CODE_DIGITS = 10
_PNG_COMPRESSION = 4


@dataclass(frozen=True, slots=True)
class BlindedCopy:
    """What was made.

    Attributes:
        pictures: number of pictures.
        left_out: names of pictures that are not in the copy, and why.
        betrayed: what of the pictures themselves differs between visits or arms, in words.
    """

    pictures: int
    left_out: tuple[tuple[str, str], ...]
    betrayed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    code: str
    picture: Picture
    um_per_px: float
    scale_error_pct: float | None
    shape: tuple[int, ...]
    depth: str
    transparent: bool
    compression: str
    original_sha256: str
    copy_sha256: str


def blind_study(
    study: Study, problems: Sequence[Problem], out: Path, key: Path, rng: np.random.Generator
) -> BlindedCopy:
    """Write a copy of a study's pictures under random codes, and the key to it in another place.

    Every picture becomes a PNG of its upright samples and nothing else, a participant of its own with one
    visit; the order is that of the codes, and every file bears one time.

    Args:
        study: the study.
        problems: what is wrong with it; what cannot be measured is left out.
        out: new folder of the copy.
        key: new file outside of it.
        rng: draws the codes.

    Raises:
        BlindingError: the key would lie in the copy or in the place of a file, or no picture can be copied.
        OutputError: the copy cannot be written.
    """
    _check_places(out, key)
    left_out: list[tuple[str, str]] = []
    chosen = []
    for picture in study.pictures:
        reason = first_reason(study, problems, picture)
        if picture.modality == WHOLE_HEAD or reason is not None:
            left_out.append((picture.name, reason.what if reason else "a whole-head photograph"))
        else:
            chosen.append(picture)
    codes = _codes(len(chosen), rng)
    entries: list[_Entry] = []
    with whole_folder(out, frozenset()) as partial:
        (partial / PICTURES_FOLDER).mkdir()
        for code, picture in sorted(zip(codes, chosen, strict=True), key=lambda pair: pair[0]):
            try:
                entries.append(_copy(picture, code, partial))
            except DensitometryError as error:
                left_out.append((picture.name, error.what))
        if not entries:
            raise BlindingError(
                f"no picture of {study.root} can be copied",
                left_out[0][1] if left_out else "it holds none",
                f"densitometry study check {shlex.quote(str(study.root))}",
            )
        (partial / MANIFEST_NAME).write_text(_manifest(entries), encoding="utf-8", newline="\n")
        _stop_clocks(partial)
    _stop_clocks(out)  # it was given its name just now
    _write_key(key, study, entries)
    if is_held(study):
        AuditLog(audit_folder(study)).append(
            BLINDED, "", {"pictures": len(entries), "key_sha256": digest_of(key.read_bytes())}
        )
    return BlindedCopy(len(entries), tuple(left_out), _betrayed(study, entries))


def _check_places(out: Path, key: Path) -> None:
    if key.resolve().is_relative_to(out.resolve()):
        raise BlindingError(
            f"the key {key} would lie in the copy",
            "whoever gets the copy would get the key",
            f"--key {shlex.quote(str(out) + '.key.json')}",
        )
    if key.exists():
        raise BlindingError(
            f"{key} is there already",
            "a key that is replaced is lost, and with it who is who in its copy",
            move_away(key),
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BlindingError(
            f"{out} is there already", "a copy is made in a folder of its own", move_away(out)
        )


def _codes(count: int, rng: np.random.Generator) -> list[str]:
    found: set[str] = set()
    while len(found) < count:
        found.add("".join(str(digit) for digit in rng.integers(0, 10, _CODE_DIGITS)))
    codes = sorted(found)
    rng.shuffle(codes)
    return codes


def _copy(picture: Picture, code: str, folder: Path) -> _Entry:
    """Write the samples of a picture as a PNG that says nothing else."""
    scale = scale_of(picture)
    x_um, y_um = picture.um_per_px or (0.0, 0.0)
    if x_um != y_um:
        raise BlindingError(
            f"{picture.name} has pixels that are not square",
            "a table states one edge for both directions",
            "resample it to square pixels",
        )
    decoded = decode(picture.path)
    target = folder / PICTURES_FOLDER / f"{code}.png"
    target.write_bytes(_png(decoded, picture))
    error = scale.get("scale_error_pct", picture.scale_error_pct)
    return _Entry(
        code,
        picture,
        x_um,
        error,
        decoded.pixels.shape,
        str(decoded.pixels.dtype),
        decoded.opaque is not None,
        compression_of(picture.path),
        decoded.sha256,
        file_digest(target),
    )


def _png(decoded: Decoded, picture: Picture) -> bytes:
    if decoded.tone == TONE_LINEAR:
        raise BlindingError(
            f"{picture.name} holds linear light",
            "a PNG without metadata would be read as sRGB, and measured otherwise",
            "export it as sRGB",
        )
    samples = decoded.pixels[:, :, ::-1]
    if decoded.opaque is not None:
        alpha = decoded.opaque.astype(samples.dtype) * np.iinfo(samples.dtype).max
        samples = np.dstack([samples, alpha])
    done, data = cv2.imencode(".png", samples, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_COMPRESSION])
    if not done:
        raise BlindingError(f"{picture.name} cannot be copied", "it could not be encoded", "export it again")
    return bytes(data.tobytes())


def _manifest(entries: Sequence[_Entry]) -> str:
    lines = [",".join(MANIFEST_COLUMNS)]
    for item in entries:
        error = "" if item.scale_error_pct is None else f"{item.scale_error_pct:g}"
        cells = (f"{PICTURES_FOLDER}/{item.code}.png", item.code, SESSION, DAY, item.picture.site)
        lines.append(",".join((*cells, item.picture.modality, repr(item.um_per_px), error)))
    return "\n".join(lines) + "\n"


def _stop_clocks(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (EVERY_TIME_S, EVERY_TIME_S))


def _write_key(key: Path, study: Study, entries: Sequence[_Entry]) -> None:
    content = {
        "schema": KEY_SCHEMA,
        "study": study.name,
        "pictures": {
            item.code: {
                "name": item.picture.name,
                "sha256": item.original_sha256,
                "copy_sha256": item.copy_sha256,
            }
            for item in entries
        },
    }
    write_whole_file(key, json.dumps(content, indent=2) + "\n")
    key.chmod(0o600)


def read_key(key: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return code → name, sha256 and copy_sha256 of its picture.

    Raises:
        BlindingError: it is no key.
    """
    try:
        content = json.loads(key.read_text(encoding="utf-8"))
        pictures: Mapping[str, Mapping[str, Any]] = {KEY_SCHEMA: content["pictures"]}[content["schema"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BlindingError(
            f"{key} is no key of a blinded copy",
            str(error),
            "name the file that `densitometry study blind` wrote",
        ) from error
    return pictures


def _betrayed(study: Study, entries: Sequence[_Entry]) -> tuple[str, ...]:
    """Say what measuring needs, or the pictures show, and what a visit or an arm could be told by."""
    arms = {person.label: person.arm for person in study.participants}
    groups = {
        "visit": [item.picture.session for item in entries],
        "arm": [arms.get(item.picture.participant, "") for item in entries],
    }
    traits: Mapping[str, list[object]] = {
        "scale": [item.um_per_px for item in entries],
        "stated error of the scale": [item.scale_error_pct for item in entries],
        "size in pixels": [item.shape for item in entries],
        "bits a sample": [item.depth for item in entries],
        "transparency": [item.transparent for item in entries],
        "compression of the files": [item.compression for item in entries],
        "site": [item.picture.site for item in entries],
        "modality": [item.picture.modality for item in entries],
    }
    found = []
    for trait, values in traits.items():
        for group, labels in groups.items():
            shares = {
                label: sorted((str(value), _share(values, labels, value, label)) for value in set(values))
                for label in set(labels)
            }
            if len({tuple(share) for share in shares.values()}) > 1:
                found.append(f"the {trait} differs between {group}s, which may be told by it")
    return tuple(found)


def _share(values: Sequence[object], labels: Sequence[str], value: object, label: str) -> float:
    own = [known for known, name in zip(values, labels, strict=True) if name == label]
    return round(own.count(value) / len(own), 6)
