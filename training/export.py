"""Export trained weights to the ONNX file the product ships.

python training/export.py --net FOLDER/net.pt --out src/densitometry/trace/hairnet.onnx
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from network import HairNet
from torch import Tensor, nn
from torch.nn import functional

from densitometry.trace.maps import ORIENTATIONS


class Shipped(nn.Module):
    """The network with its last steps: chances instead of logits, centre lines on the full grid."""

    def __init__(self, net: HairNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, contrast: Tensor) -> tuple[Tensor, Tensor]:
        """Map (1, 3, h, w) to lifted (1, ORIENTATIONS, h, w) and half maps (1, 6, h / 2, w / 2)."""
        out = self.net(contrast)
        n = 4 * ORIENTATIONS
        lifted = torch.sigmoid(functional.pixel_shuffle(out[:, :n], 2))
        ends, direction, width, shaft = (
            out[:, n : n + 2],
            out[:, n + 2 : n + 4],
            out[:, n + 4 : n + 5],
            out[:, n + 5 :],
        )
        width = torch.exp(torch.clamp(width, -2.0, 3.5))
        return lifted, torch.cat([torch.sigmoid(ends), direction, width, torch.sigmoid(shaft)], 1)


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
    shipped = Shipped(net)
    torch.onnx.export(
        shipped,
        (torch.zeros(1, 3, 256, 256),),
        str(args.out),
        input_names=["contrast"],
        output_names=["lifted", "half"],
        opset_version=17,
        dynamo=False,
        dynamic_axes={
            "contrast": {2: "height", 3: "width"},
            "lifted": {2: "height", 3: "width"},
            "half": {2: "half_height", 3: "half_width"},
        },
    )


if __name__ == "__main__":
    main()
