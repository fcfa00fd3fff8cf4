"""The compact network: local log contrast in, centre lines by orientation, ends, direction and width out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from densitometry.trace.maps import HALF_CHANNELS, ORIENTATIONS


class ConvBlock(nn.Module):
    """3×3 convolution, batch normalisation, ReLU; the normalisation folds into the convolution at export."""

    def __init__(self, n_in: int, n_out: int, stride: int = 1, size: int = 3, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, size, stride, (size // 2) * dilation, dilation, bias=False)
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        return functional.relu(self.norm(self.conv(x)))


FINE_CELLS = 16
"""4 µm cells in one 16 µm cell."""
FINE_CHANNELS, SKIP_MORE = 16, 8
"""Channels that read fine luma, and how many more than `base` the finest level hands on for it."""


class HairNet(nn.Module):
    """U-shaped network from the 8 µm grid to maps on the 8 µm (centre lines) and 16 µm grids (the rest).

    Luma at 4 µm comes in beside: a thin gap between two shafts is gone at 8 µm.

    Output: (B, 4 * ORIENTATIONS + HALF_CHANNELS, H / 2, W / 2) raw logits and values; the first part is the
    lifted centre lines with each 16 µm cell's four 8 µm cells as channels (pixel shuffle order).
    """

    def __init__(self, base: int = 24) -> None:
        super().__init__()
        c1, c2, c3, c4 = base, 2 * base, 3 * base, 4 * base
        self.stem = ConvBlock(3, c1, stride=2, size=5)
        self.fine = ConvBlock(FINE_CELLS, FINE_CHANNELS)
        skip = c1 + SKIP_MORE
        self.enc1 = ConvBlock(c1 + FINE_CHANNELS, skip)
        self.enc2 = nn.Sequential(ConvBlock(skip, c2, stride=2), ConvBlock(c2, c2))
        self.enc3 = nn.Sequential(ConvBlock(c2, c3, stride=2), ConvBlock(c3, c3))
        self.enc4 = nn.Sequential(ConvBlock(c3, c4, stride=2), ConvBlock(c4, c4))
        self.dec3 = nn.Sequential(ConvBlock(c4 + c3, c3, size=1), ConvBlock(c3, c3))
        self.dec2 = nn.Sequential(ConvBlock(c3 + c2, c2, size=1), ConvBlock(c2, c2))
        self.dec1 = nn.Sequential(
            ConvBlock(c2 + skip, skip, size=1), ConvBlock(skip, skip), ConvBlock(skip, skip)
        )
        self.head = nn.Conv2d(skip, 4 * ORIENTATIONS + HALF_CHANNELS, 1)

    def forward(self, x: Tensor, fine: Tensor) -> Tensor:
        """Map (B, 3, H, W), H and W multiples of 16, and fine (B, 16, H / 2, W / 2) to the output maps.

        Fine luma comes with each 16 µm cell's sixteen 4 µm cells as channels (pixel shuffle order).
        """
        a = self.enc1(torch.cat([self.stem(x), self.fine(fine)], 1))
        b = self.enc2(a)
        c = self.enc3(b)
        d = self.enc4(c)
        c = self.dec3(torch.cat([functional.interpolate(d, scale_factor=2.0, mode="nearest"), c], 1))
        b = self.dec2(torch.cat([functional.interpolate(c, scale_factor=2.0, mode="nearest"), b], 1))
        a = self.dec1(torch.cat([functional.interpolate(b, scale_factor=2.0, mode="nearest"), a], 1))
        out: Tensor = self.head(a)
        return out
