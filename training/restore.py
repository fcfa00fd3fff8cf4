"""Bring exported weights back into the shape they are trained in, so that training can go on from them.

    python training/restore.py --patches FOLDER --out net.pt [--weights training/hairnet_float.onnx]

Export folds normalisation into the convolutions. Here each block is given the mean and spread that its
convolution shows on some hundred patches, and the scale and shift that undo them: it says what it did before.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import onnx
import torch
from export import CELL_SIDE, READINGS, STORED
from network import ConvBlock, HairNet
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional
from train import inputs

EXPORTED = Path(__file__).with_name("hairnet_float.onnx")
BATCHES = 24
"""On so many the normalisation is measured."""


def convolutions(path: Path) -> list[tuple[Tensor, Tensor | None]]:
    """Kernels and biases of the upright reading, in the order in which they are applied."""
    graph = onnx.load(str(path)).graph
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    for node in graph.node:
        if node.op_type == "Identity":  # a bias that both readings share is stored once
            values[node.output[0]] = values[node.input[0]]
    found = [[values[name] for name in node.input[1:]] for node in graph.node if node.op_type == "Conv"]
    upright = found[: len(found) // 2]
    return [(each[0], each[1] if len(each) > 1 else None) for each in upright]


def restored(path: Path) -> HairNet:
    """The network of an exported file, each normalisation still folded into its convolution."""
    left = convolutions(path)
    net = HairNet(base=len(left[0][0]))
    merges = {id(block) for block in (net.enc1, net.dec3[0], net.dec2[0], net.dec1[0])}
    for block in [module for module in net.modules() if isinstance(module, ConvBlock)]:
        kernel, bias = left.pop(0)
        if id(block) in merges:  # the first map's part comes first and has no bias
            beside, bias = left.pop(0)
            kernel = torch.cat([kernel, beside], 1)
        if block is net.fine:
            kernel = functional.pixel_unshuffle(kernel, CELL_SIDE)
        block.conv.weight.data, block.norm.bias.data = kernel, Tensor(bias)
        block.norm.running_var = torch.full((len(kernel),), 1 - block.norm.eps)  # so that it changes nothing
    rest = list(range(len(STORED), net.head.out_channels))
    for kernel, bias in left:
        rows = STORED if len(kernel) == len(STORED) else rest
        net.head.weight.data[rows] = READINGS * kernel
        Tensor(net.head.bias).data[rows] = READINGS * Tensor(bias)
    return net


def normalise(net: HairNet, batches: list[tuple[Tensor, Tensor]]) -> None:
    """Measure what each convolution gives and let its normalisation start from there."""
    blocks = [module for module in net.modules() if isinstance(module, ConvBlock)]
    sums = {block: torch.zeros(3, block.norm.num_features, dtype=torch.float64) for block in blocks}

    def watch(block: ConvBlock) -> Any:
        def hook(_: nn.Module, __: Any, out: Tensor) -> None:
            values = out.detach().double().transpose(0, 1).flatten(1)
            moments = torch.stack([torch.ones(len(values)), values.mean(1), (values**2).mean(1)])
            sums[block] += moments

        return block.conv.register_forward_hook(hook)

    hooks = [watch(block) for block in blocks]
    with torch.no_grad():
        for contrast, fine in batches:
            net(contrast, fine)
    for hook in hooks:
        hook.remove()
    for block in blocks:
        count, total, squares = sums[block]
        mean = total / count
        variance = torch.clamp(squares / count - mean**2, min=1e-6)
        norm = block.norm
        norm.running_mean, norm.running_var = mean.float(), variance.float()
        norm.weight.data = torch.sqrt(variance + norm.eps).float()
        norm.bias.data = norm.bias.data + mean.float()


def main() -> None:
    """Write a file that `train.py --start` reads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patches", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=EXPORTED)
    args = parser.parse_args()
    net = restored(args.weights)
    net.eval()
    normalise(net, inputs(args.patches, seed=1, count=BATCHES))
    torch.save({"net": net.state_dict(), "base": net.stem.norm.num_features}, args.out)


if __name__ == "__main__":
    main()
