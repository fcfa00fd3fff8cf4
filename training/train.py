"""Train the network on rendered patches only.

    python training/train.py --patches FOLDER --out FOLDER [--minutes 60] [--seed 1]

Patches come from `training/render_patches.py`. Needs torch, which the product itself does not.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from labels import draw_labels
from network import HairNet
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from densitometry.trace.grid import CONTRAST_WINDOW_PX
from densitometry.trace.light import fine_contrast, log_contrast, to_linear
from densitometry.trace.maps import ORIENTATIONS

CENTRE, ROOT, TIP = slice(0, 4 * ORIENTATIONS), 4 * ORIENTATIONS, 4 * ORIENTATIONS + 1
CROP_PX, BATCH = 256, 12
"""Edge of a crop [8 µm px], 2 mm, and crops of a step."""
AVERAGE_OVER = 0.998
"""Share of the mean of the weights that a step leaves: what is saved is the mean of some 500 steps."""
WEIGHTS = {"centre": 18.0, "ends": 3.0, "any": 3.0, "direction": 0.5, "width": 0.3, "shaft": 1.0}


class Patches(torch.utils.data.Dataset[tuple[Tensor, ...]]):
    """Random crops, flips and tone changes of the rendered patches."""

    def __init__(self, folder: Path, size: int, seed: int) -> None:
        self.folder = folder
        self.files = sorted(folder.glob("*.npz"))
        self.size, self.seed = size, seed

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng((self.seed, index))
        if index % 400 == 0:
            self.files = sorted(self.folder.glob("*.npz"))  # rendering may still be adding patches
        data = np.load(self.files[rng.integers(len(self.files))])
        rgb, fine = (_decoded(data[name]) for name in ("image", "fine"))
        points, width = data["points"].astype(np.float32), data["width"].astype(np.float32)
        ends, required = data["ends"], data["required"]
        side = rgb.shape[0]
        k = int(rng.integers(4))
        rgb, fine = np.rot90(rgb, k), np.rot90(fine, k)
        for _ in range(k):
            points = np.stack([points[:, 1], side - 1 - points[:, 0]], 1)
        if rng.random() < 0.5:
            rgb, fine = rgb[:, ::-1], fine[:, ::-1]
            points = points * [-1, 1] + [side - 1, 0]
        x0, y0 = rng.integers(0, side - self.size + 1, 2)
        lamp = Lamp.draw(rng)
        tone, everywhere = lamp.light(rgb), np.ones(rgb.shape[:2], np.bool_)
        contrast = log_contrast(tone, everywhere, CONTRAST_WINDOW_PX)[y0:, x0:][: self.size, : self.size]
        luma = fine_contrast(lamp.light(fine), tone, everywhere, CONTRAST_WINDOW_PX)
        luma = luma[2 * y0 :, 2 * x0 :][: 2 * self.size, : 2 * self.size].astype(np.float32)
        points = points - [x0, y0]
        hairs: list[dict[str, Any]] = [
            {"line": points[a:b], "width": width[a:b], "required": r}
            for a, b, r in zip(ends[:-1], ends[1:], required, strict=True)
        ]
        lifted, half, near, ignore = draw_labels(hairs, self.size)
        return (
            torch.from_numpy(np.ascontiguousarray(contrast.transpose(2, 0, 1))),
            functional.pixel_unshuffle(torch.from_numpy(luma)[None], 4),
            torch.from_numpy(lifted),
            torch.from_numpy(half),
            torch.from_numpy(near),
            torch.from_numpy(ignore),
        )


def inputs(folder: Path, seed: int, count: int) -> list[tuple[Tensor, Tensor]]:
    """Contrast and fine luma of so many batches, for measuring on them what normalisation takes away."""
    loader = torch.utils.data.DataLoader(Patches(folder, CROP_PX, seed), BATCH)
    return [(contrast, fine) for _, (contrast, fine, *_) in zip(range(count), loader, strict=False)]


@dataclass(frozen=True, slots=True)
class Lamp:
    """Another lamp, exposure (gain of each colour) and tone curve."""

    gain: NDArray[np.float32]
    gamma: np.float32

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Lamp:
        """Draw one at random."""
        gain = np.exp(rng.normal(0, 0.15, 3) + rng.normal(0, 0.15))
        return cls(gain.astype(np.float32), np.float32(np.exp(rng.normal(0, 0.12))))

    def light(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Linear light of a picture (h, w, 3) under it."""
        lit = np.clip(to_linear(np.ascontiguousarray(rgb)) * self.gain, 0, 1)
        return np.asarray(lit**self.gamma, np.float32)


def _decoded(png: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(png, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)


@torch.compile
def losses_of(out: Tensor, lifted: Tensor, half: Tensor, near: Tensor, ignore: Tensor) -> dict[str, Tensor]:
    """Losses of the maps by name; compiled, because a third of a step went into them."""
    care = 1 - ignore
    care_half = 1 - functional.max_pool2d(ignore[:, None], 2)[:, 0]
    target = functional.pixel_unshuffle(lifted, 2)
    care4 = functional.pixel_unshuffle(care[:, None].expand_as(lifted), 2)
    weight = (1 + 6 * target) * care4
    centre = (
        functional.binary_cross_entropy_with_logits(out[:, CENTRE], target, reduction="none") * weight
    ).mean()
    logits = out[:, ROOT : TIP + 1]
    # whichever of root and tip is which, an end is an end: half of the loss does not ask for the order
    weight_end = (1 + 12 * half[:, :2]) * care_half[:, None]
    ends = (
        functional.binary_cross_entropy_with_logits(logits, half[:, :2], reduction="none") * weight_end
    ).mean()
    either, target_either = torch.maximum(logits[:, 0], logits[:, 1]), torch.maximum(half[:, 0], half[:, 1])
    end_any = (
        functional.binary_cross_entropy_with_logits(either, target_either, reduction="none")
        * (1 + 12 * target_either)
        * care_half
    ).mean()
    mask = near * care_half
    total = mask.sum() + 1
    direction = (((out[:, TIP + 1 : TIP + 3] - half[:, 2:4]) ** 2).sum(1) * mask).sum() / total
    width = (
        functional.smooth_l1_loss(out[:, TIP + 3], half[:, 4], reduction="none", beta=0.2) * mask
    ).sum() / total
    shaft = (
        functional.binary_cross_entropy_with_logits(out[:, TIP + 4], half[:, 5], reduction="none") * care_half
    ).mean()
    return {
        "centre": centre,
        "ends": ends,
        "any": end_any,
        "direction": direction,
        "width": width,
        "shaft": shaft,
    }


def main() -> None:
    """Train for a stated time, with a warm-up and a cosine fall to zero, saving every few minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patches", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--size", type=int, default=CROP_PX)
    parser.add_argument("--base", type=int, default=24)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bfloat16", action="store_true", help="twice as fast where the processor has it")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    net = HairNet(args.base).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    torch.nn.init.constant_(net.head.bias[: TIP + 1], -4.0)
    if args.start:
        net.load_state_dict(torch.load(args.start)["net"])
    average = {k: v.clone() for k, v in net.state_dict().items()}
    optimiser = torch.optim.AdamW(net.parameters(), lr=args.rate, weight_decay=1e-3)
    loader = torch.utils.data.DataLoader(
        Patches(args.patches, args.size, args.seed), args.batch, num_workers=1, prefetch_factor=4
    )
    begin = saved = time.monotonic()
    seen: list[dict[str, float]] = []
    for step, batch in enumerate(loader):
        done = (time.monotonic() - begin) / (60 * args.minutes)
        if done >= 1:
            break
        rate = args.rate * min(1.0, (step + 1) / 100) * 0.5 * (1 + np.cos(np.pi * done))
        for group in optimiser.param_groups:
            group["lr"] = rate
        contrast, fine = (part.to(memory_format=torch.channels_last) for part in batch[:2])
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bfloat16):
            out = net(contrast, fine)
        parts = losses_of(out.float(), *batch[2:])
        loss = torch.stack([weight * parts[name] for name, weight in WEIGHTS.items()]).sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        decay = min(AVERAGE_OVER, (step + 1) / (step + 20))
        for k, v in net.state_dict().items():
            average[k] = v.clone() if not v.is_floating_point() else average[k] * decay + v * (1 - decay)
        seen.append({k: float(v.detach()) for k, v in (parts | {"loss": loss}).items()})
        if step % 50 == 49:
            mean = {k: round(float(np.mean([s[k] for s in seen[-50:]])), 4) for k in seen[0]}
            print(
                json.dumps({"step": step + 1, "minutes": round((time.monotonic() - begin) / 60, 1), **mean}),
                flush=True,
            )
        if time.monotonic() - saved > 240:
            torch.save({"net": average, "base": args.base}, args.out / "net.pt")
            saved = time.monotonic()
    torch.save({"net": average, "base": args.base}, args.out / "net.pt")


if __name__ == "__main__":
    main()
