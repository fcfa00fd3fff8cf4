"""Weights between those training began from and those it ended with.

    python training/blend.py --first start.pt --second net/net.pt --share 0.7 --patches patches --out blend.pt

The longer training runs, the better the network knows the simulator, and on real frames it may lose what it
gains there. On the straight line between the two sets of weights lie ones that are better than both on
pictures unlike those it was taught with (Wortsman et al. 2022, arXiv:2109.01903).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from network import HairNet
from torch import Tensor, nn
from train import inputs

BATCHES = 16
"""On so many the normalisation of the blend is measured."""


def blended(first: dict[str, Tensor], second: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights at `share` of the way from the first to the second."""
    return {k: torch.lerp(v, second[k], share) if v.is_floating_point() else v for k, v in first.items()}


def settle(net: HairNet, batches: list[tuple[Tensor, Tensor]]) -> None:
    """Measure the means and spreads that normalisation takes away: those of the ends are not the blend's."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the mean of all batches
    net.train()
    with torch.no_grad():
        for contrast, fine in batches:
            net(contrast, fine)
    net.eval()


def main() -> None:
    """Write a file that `export.py` and `train.py --start` read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=Path, required=True)
    parser.add_argument("--second", type=Path, required=True)
    parser.add_argument("--share", type=float, required=True)
    parser.add_argument("--patches", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    ends = [torch.load(path) for path in (args.first, args.second)]
    net = HairNet(ends[0]["base"])
    net.load_state_dict(blended(ends[0]["net"], ends[1]["net"], args.share))
    settle(net, inputs(args.patches, seed=7, count=BATCHES))
    torch.save({"net": net.state_dict(), "base": ends[0]["base"]}, args.out)


if __name__ == "__main__":
    main()
