"""Export trained weights to ONNX, from which `quantize.py` makes the file the product ships.

python training/export.py --net FOLDER/net.pt --out training/hairnet_float.onnx
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

import torch
from network import ConvBlock, HairNet
from torch import Tensor, nn
from torch.nn import functional

from densitometry.trace.maps import CERTAIN, ORIENTATIONS

CELLS = 4
"""8 µm cells in one 16 µm cell."""
CELL_SIDE = 4
"""4 µm cells along one side of it."""
READINGS = 2
"""Upright and turned."""
STORED = [CELLS * k + cell for cell in range(CELLS) for k in range(ORIENTATIONS)]
"""The head has centre lines bin by bin; stored, the bins of a place stand together: rows in that order."""


def folded(block: ConvBlock) -> tuple[Tensor, Tensor]:
    """Kernel and bias of a block's convolution with its normalisation folded in."""
    norm = block.norm
    scale = norm.weight / torch.sqrt(Tensor(norm.running_var) + norm.eps)
    kernel = block.conv.weight * scale[:, None, None, None]
    return kernel.detach().clone(), (norm.bias - Tensor(norm.running_mean) * scale).detach().clone()


class Merge(nn.Module):
    """A block over two maps, the first perhaps coarser, without ever laying them side by side.

    The sum of two convolutions is the convolution of both; a coarser map is enlarged after its own. ONNX
    Runtime keeps channels in blocks of eight or sixteen, and would take maps apart to lay them side by side.
    """

    def __init__(self, block: ConvBlock, n_first: int, enlarge: bool) -> None:
        super().__init__()
        kernel, bias = folded(block)
        size = kernel.shape[-1]
        self.first = nn.Conv2d(n_first, len(kernel), size, padding=size // 2, bias=False)
        self.second = nn.Conv2d(kernel.shape[1] - n_first, len(kernel), size, padding=size // 2)
        self.first.weight.data, self.second.weight.data = kernel[:, :n_first], kernel[:, n_first:]
        self.second.bias = nn.Parameter(bias)
        self.enlarge = enlarge

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Apply the block to both maps."""
        part = self.first(first)
        if self.enlarge:
            part = functional.interpolate(part, scale_factor=2.0, mode="nearest")
        return functional.relu(self.second(second) + part)


def turned(net: HairNet) -> HairNet:
    """The network that says of a picture what `net` says of it turned by a quarter, turned back.

    Every kernel is turned instead of the picture. Where a convolution halves the width, its centre moves from
    the left one of two pixels to the right one.
    """
    other = copy.deepcopy(net)
    for block in [module for module in other.modules() if isinstance(module, ConvBlock)]:
        conv = block.conv
        conv.weight.data = torch.rot90(conv.weight.data, -1, (2, 3)).contiguous()
        if conv.stride == (2, 2):
            reach = conv.kernel_size[0] // 2
            conv.padding = (0, 0)
            block.conv = nn.Sequential(nn.ZeroPad2d((reach - 1, reach + 1, reach, reach)), conv)
    cells = other.fine.conv.weight.data
    square = cells.unflatten(1, (CELL_SIDE, CELL_SIDE))
    other.fine.conv.weight.data = torch.rot90(square, -1, (1, 2)).flatten(1, 2).contiguous()
    source, sign = list(range(net.head.out_channels)), torch.ones(net.head.out_channels)
    for k in range(ORIENTATIONS):
        for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
            across = (k - ORIENTATIONS // 2) % ORIENTATIONS
            source[CELLS * k + 2 * down + right] = CELLS * across + 2 * (1 - right) + down
    x, y = CELLS * ORIENTATIONS + 2, CELLS * ORIENTATIONS + 3
    source[x], source[y], sign[x] = y, x, -1.0
    other.head.weight.data = net.head.weight.data[source] * sign[:, None, None, None]
    other.head.bias = nn.Parameter(Tensor(net.head.bias).detach()[source] * sign)
    return other


class Fine(nn.Module):
    """The block that reads sixteen 4 µm cells as channels, as one convolution of the 4 µm map itself."""

    def __init__(self, block: ConvBlock) -> None:
        super().__init__()
        kernel, bias = folded(block)
        self.conv = nn.Conv2d(1, len(kernel), CELL_SIDE * kernel.shape[-1], CELL_SIDE, CELL_SIDE)
        self.conv.weight.data = functional.pixel_shuffle(kernel, CELL_SIDE)
        self.conv.bias = nn.Parameter(bias)

    def forward(self, fine: Tensor) -> Tensor:
        """Apply the block to (1, 1, 2h, 2w)."""
        return functional.relu(self.conv(fine))


class Reader(nn.Module):
    """The network up to its logits and values, halved: the sum of two readings is their mean."""

    def __init__(self, net: HairNet) -> None:
        super().__init__()
        self.net = net
        self.fine = Fine(net.fine)
        self.enc1 = Merge(net.enc1, net.stem.norm.num_features, enlarge=False)
        blocks = [decoder[0] for decoder in (net.dec3, net.dec2, net.dec1)]
        coarser = [net.enc4[1], net.dec3[1], net.dec2[1]]
        self.merges = nn.ModuleList(
            Merge(block, before.norm.num_features, enlarge=True)
            for block, before in zip(blocks, coarser, strict=True)
        )
        n = CELLS * ORIENTATIONS
        self.centre = self._rows(net.head, STORED)
        self.rest = self._rows(net.head, list(range(n, net.head.out_channels)))

    @staticmethod
    def _rows(head: nn.Conv2d, rows: list[int]) -> nn.Conv2d:
        part = nn.Conv2d(head.in_channels, len(rows), 1)
        part.weight.data = head.weight[rows].detach() / READINGS
        part.bias = nn.Parameter(Tensor(head.bias)[rows].detach() / READINGS)
        return part

    def forward(self, contrast: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
        """Map contrast (1, 3, h, w) and fine luma (1, 1, 2h, 2w) to centre lines and the rest, h/2 by w/2."""
        net = self.net
        a = self.enc1(net.stem(contrast), self.fine(fine))
        b = net.enc2(a)
        c = net.enc3(b)
        d = net.enc4(c)
        c = net.dec3[1:](self.merges[0](d, c))
        b = net.dec2[1:](self.merges[1](c, b))
        a = net.dec1[1:](self.merges[2](b, a))
        return self.centre(a), self.rest(a)


class Shipped(nn.Module):
    """What is said of a picture upright and turned by a quarter: chances from the mean of their logits."""

    def __init__(self, net: HairNet) -> None:
        super().__init__()
        self.upright, self.turned = Reader(net), Reader(turned(net))

    def forward(self, contrast: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
        """Return lifted (1, h/2, w/2, 4 * ORIENTATIONS), bytes by cell, and half maps (1, 6, h/2, w/2)."""
        readings = self.upright(contrast, fine), self.turned(contrast, fine)
        lifted, rest = (one + other for one, other in zip(*readings, strict=True))
        ends, direction, width, shaft = rest[:, :2], rest[:, 2:4], rest[:, 4:5], rest[:, 5:]
        width = torch.exp(torch.clamp(width, -2.0, 3.5))
        half = torch.cat([torch.sigmoid(ends), direction, width, torch.sigmoid(shaft)], 1)
        stored = (torch.sigmoid(lifted) * CERTAIN + 0.5).to(torch.uint8)  # to bytes it is cut off
        return stored.permute(0, 2, 3, 1), half


def main() -> None:
    """Fold normalisation into convolutions and write ONNX with free height and width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    saved = torch.load(args.net)
    net = HairNet(saved["base"])
    net.load_state_dict(saved["net"])
    net.eval()
    torch.onnx.export(
        Shipped(net),
        (torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 512, 512)),
        str(args.out),
        input_names=["contrast", "fine"],
        output_names=["lifted", "half"],
        opset_version=17,
        dynamo=False,
        dynamic_axes={
            "contrast": {2: "height", 3: "width"},
            "fine": {2: "fine_height", 3: "fine_width"},
            "lifted": {1: "half_height", 2: "half_width"},
            "half": {2: "half_height", 3: "half_width"},
        },
    )


if __name__ == "__main__":
    main()
