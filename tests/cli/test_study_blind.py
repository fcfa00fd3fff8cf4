"""Nothing of a blinded copy, nor of results made of it, tells visit, arm or participant."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from PIL import Image

from densitometry.study import problems_of, read_study
from densitometry.study.blinding import blind_study


def refused(finished, code: str, *words: str) -> None:
    assert finished.code == 3
    lines = finished.error_lines[-3:]
    assert lines[0].startswith(f"error[{code}]:")
    assert all(word in finished.err for word in words), finished.err


def test_results_of_a_blinded_copy_are_put_back(tiny, tmp_path, run, tree_of, tiny_results):
    copy, blinded, out = tmp_path / "copy", tmp_path / "blinded", tmp_path / "out"
    finished = run("study", "blind", tiny, copy, "--key", tmp_path / "key.json")
    assert finished.code == 0, finished.err
    assert run("study", "run", copy / "pictures.csv", blinded, "-q").code == 0
    finished = run("study", "unblind", tiny, blinded, out, "--key", tmp_path / "key.json")
    assert finished.code == 0, finished.err
    open_run, put_back = tree_of(tiny_results), tree_of(out)
    assert set(open_run) == set(put_back)
    same = {name for name in open_run if open_run[name] == put_back[name]}
    assert {"images.tsv", "visits.tsv", "change.tsv", "hairs.parquet/sub-01.parquet"} <= same
    assert run("study", "verify", tiny, out).code == 0


def test_a_key_must_fit_and_must_not_lie_in_the_copy(tiny, tmp_path, run):
    refused(run("study", "blind", tiny, tmp_path / "copy", "--key", tmp_path / "copy/key.json"), "E210")
    assert not (tmp_path / "copy").exists()
    assert run("study", "blind", tiny, tmp_path / "copy").code == 0
    key = tmp_path / "copy.key.json"
    assert key.stat().st_mode & 0o077 == 0
    refused(run("study", "blind", tiny, tmp_path / "other", "--key", key), "E210", "already")
    refused(run("study", "unblind", tiny, tmp_path, tmp_path / "out", "--key", key), "E210", "no results")
    (tmp_path / "wrong.json").write_text("{}")
    (tmp_path / "blinded").mkdir()
    (tmp_path / "blinded/recipe.toml").write_text(run("recipe", "show", "trichoscopy").out)
    wrong = ("--key", tmp_path / "wrong.json")
    refused(run("study", "unblind", tiny, tmp_path / "blinded", tmp_path / "out", *wrong), "E210", "no key")


def null_study(root: Path, people: int = 24) -> Path:
    """Write pictures that differ by chance alone, with everything else telling the visit and the arm."""
    rng = np.random.default_rng(1)
    root.mkdir()
    (root / "dataset_description.json").write_text('{"Name": "null"}')
    rows = ["participant\tarm\tdiagnosis"]
    for number in range(people):
        label, arm = f"{number:02d}", ("drug", "placebo")[number % 2]
        rows.append(f"sub-{label}\t{arm}\tandrogenetic_alopecia")
        folder = root / f"sub-{label}"
        folder.mkdir()
        sessions = ["session\tdate"]
        for visit, day in (("w00", "2026-01-12"), ("w24", "2026-06-29")):
            sessions.append(f"ses-{visit}\t{day}")
            place = folder / f"ses-{visit}/trich"
            place.mkdir(parents=True)
            stem = place / f"sub-{label}_ses-{visit}_site-vertex_run-1_trich"
            pixels = np.clip(rng.normal(150, 9, (80, 100, 3)), 0, 255).astype(np.uint8)
            picture = Image.fromarray(pixels)
            exif = picture.getexif()
            exif[306] = f"{day.replace('-', ':')} 10:00:00"
            exif[270] = arm
            picture.save(stem.with_suffix(".png"), exif=exif, compress_level=1 if visit == "w00" else 9)
            os.utime(stem.with_suffix(".png"), (1.7e9 + 1e6 * (visit != "w00"),) * 2)
            note = {"PixelSize": [8, 8], "PixelSizeUnits": "um", "Note": f"{visit} {arm}"}
            stem.with_suffix(".json").write_text(json.dumps(note))
        (folder / f"sub-{label}_sessions.tsv").write_text("\n".join(sessions) + "\n")
    (root / "participants.tsv").write_text("\n".join(rows) + "\n")
    return root


def features(path: Path, order: int) -> list[float]:
    """Return everything a file tells besides what one would have to recognise in it."""
    content, status = path.read_bytes(), path.stat()
    digits = [float(ord(letter)) for letter in path.name[:10].ljust(10)]
    with Image.open(path) as picture:
        pixels = np.asarray(picture, float)
        told = [float(len(picture.info)), float(len(picture.getexif())), float(picture.size[0])]
    sidecar = path.with_suffix(".json")
    told += [float(sidecar.stat().st_size) if sidecar.exists() else 0.0, status.st_mtime, float(order)]
    head = [float(byte) for byte in content[:64]]
    return [*told, float(len(content)), content.count(b"IDAT"), pixels.mean(), pixels.std(), *digits, *head]


def accuracy(told: np.ndarray, labels: np.ndarray) -> float:
    """Return the share that a vote of the nearest, over whitened features, gets right; each left out once."""
    spread = told.std(axis=0)
    scaled = (told - told.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    right = 0
    for one in range(len(labels)):
        distance = np.abs(scaled - scaled[one]).sum(axis=1)
        distance[one] = np.inf
        nearest = np.argsort(distance, kind="stable")[:5]
        right += (labels[nearest].mean() > 0.5) == labels[one]
    return right / len(labels)


def test_nothing_in_a_blinded_copy_tells_visit_or_arm(tmp_path):
    root = null_study(tmp_path / "study")
    study = read_study(root)
    made = blind_study(
        study, problems_of(study), tmp_path / "copy", tmp_path / "key.json", np.random.default_rng(3)
    )
    assert made.pictures == 48
    assert made.betrayed == ()
    key = json.loads((tmp_path / "key.json").read_text())["pictures"]
    copied = sorted((tmp_path / "copy/pictures").iterdir())
    assert {path.stem for path in copied} == set(key)
    assert {path.stat().st_mtime for path in (tmp_path / "copy").rglob("*")} == {946684800.0}
    text = b"".join(path.read_bytes() for path in (tmp_path / "copy").rglob("*") if path.is_file())
    for word in (b"w24", b"w00", b"2026", b"drug", b"placebo", b"eXIf", b"tEXt", b"tIME", b"sub-"):
        assert word not in text
    names = [key[path.stem]["name"] for path in copied]
    arms = {person.label: person.arm for person in study.participants}
    visits = np.array(["w24" in name for name in names])
    treated = np.array([arms[name[4:6]] == "drug" for name in names])
    told = np.array([features(path, order) for order, path in enumerate(copied)])
    at_chance = 0.5 + 1.96 * np.sqrt(0.25 / len(names))
    assert accuracy(told, visits) <= at_chance
    assert accuracy(told, treated) <= at_chance
    open_names = sorted(root.rglob("*.png"))
    open_told = np.array([features(path, order) for order, path in enumerate(open_names)])
    assert accuracy(open_told, np.array(["w24" in one.name for one in open_names])) > 0.9


def test_what_pictures_themselves_betray_is_said(tmp_path):
    root = null_study(tmp_path / "study", people=4)
    for sidecar in root.rglob("*w24*.json"):
        sidecar.write_text('{"PixelSize": [7, 7], "PixelSizeUnits": "um"}')
    study = read_study(root)
    made = blind_study(
        study, problems_of(study), tmp_path / "copy", tmp_path / "key.json", np.random.default_rng(3)
    )
    assert any(words.startswith("the scale differs between visits") for words in made.betrayed)


def features_of_results(out: Path, code: str) -> list[float]:
    """Return everything the results tell about a picture besides what was measured in it."""
    folder = next((out / f"sub-{code}").glob("ses-*/*_trich"))
    sizes = [float(path.stat().st_size) for path in sorted(folder.iterdir())]
    told = [float(len(list((out / f"sub-{code}").rglob("*")))), *sizes]
    for name in ("images.tsv", "visits.tsv", "participants.tsv", "sessions.tsv", "logs/files.tsv"):
        lines = (out / name).read_text().splitlines()
        own = [(number, line) for number, line in enumerate(lines) if code in line]
        told += [float(len(own)), float(sum(number for number, _ in own)), float(sum(len(x) for _, x in own))]
    order = sorted(out.rglob("summary.json"), key=lambda path: path.stat().st_mtime_ns)
    log = next((out / "logs").glob("run-*.log")).read_text().splitlines()
    place = next(number for number, line in enumerate(log) if code in line)
    return [*told, float(order.index(folder / "summary.json")), float(place)]


def test_nothing_in_results_of_a_blinded_copy_tells_visit_or_arm_or_person(tmp_path, run):
    root, copy, out = null_study(tmp_path / "study", people=16), tmp_path / "copy", tmp_path / "out"
    study = read_study(root)
    blind_study(study, problems_of(study), copy, tmp_path / "key.json", np.random.default_rng(4))
    assert run("study", "run", copy / "pictures.csv", out, "--no-overlay", "-q").code in (0, 4, 5)
    key = json.loads((tmp_path / "key.json").read_text())["pictures"]
    names = [key[code]["name"] for code in key]
    arms = {person.label: person.arm for person in study.participants}
    text = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    days = [str(visit.date) for person in study.participants for visit in person.sessions]
    assert not {day for day in days if day.encode() in text}
    for word in (b"w24", b"w00", b"drug", b"placebo", b"androgenetic", b"study\x00", str(root).encode()):
        assert word not in text
    assert {name for name in names if name.encode() in text} == set()
    told = np.array([features_of_results(out, code) for code in key])
    at_chance = 0.5 + 1.96 * np.sqrt(0.25 / len(names))
    assert accuracy(told, np.array(["w24" in name for name in names])) <= at_chance
    assert accuracy(told, np.array([arms[name[4:6]] == "drug" for name in names])) <= at_chance
    assert together(told, names) <= together_by_chance(len(names))


def together(told: np.ndarray, names: list[str]) -> float:
    """Return the share of pictures whose nearest one, over whitened features, is of the same participant."""
    spread = told.std(axis=0)
    scaled = (told - told.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    people = np.array([name[4:6] for name in names])
    right = 0
    for one in range(len(names)):
        distance = np.abs(scaled - scaled[one]).sum(axis=1)
        distance[one] = np.inf
        right += people[int(distance.argmin())] == people[one]
    return right / len(names)


def together_by_chance(pictures: int) -> float:
    """Return the upper limit of `together` where each other picture is as likely: one of them is right."""
    share = 1 / (pictures - 1)
    return share + 1.96 * float(np.sqrt(share * (1 - share) / pictures))


def test_another_compression_or_transparency_at_one_visit_is_said(tmp_path):
    root = null_study(tmp_path / "study", people=4)
    for path in root.rglob("*w24*.png"):
        with Image.open(path) as picture:
            picture.convert("RGB").save(path.with_suffix(".jpg"), quality=70)
        path.unlink()
    for path in root.rglob("*w00*.png"):
        with Image.open(path) as picture:
            picture.convert("RGBA").save(path)
    study = read_study(root)
    made = blind_study(
        study, problems_of(study), tmp_path / "copy", tmp_path / "key.json", np.random.default_rng(3)
    )
    told = " ".join(made.betrayed)
    assert "the compression of the files differs between visits" in told
    assert "the transparency differs between visits" in told
    assert "between arms" not in told
