"""Export trained weights to the ONNX file the product ships.

    python training/export.py --net FOLDER/net.pt --out src/densitometry/trace/hairnet.onnx
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from network import HairNet


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
        net, torch.zeros(1, 3, 256, 256), str(args.out), input_names=["contrast"], output_names=["maps"], opset_version=17,
        dynamo=False, dynamic_axes={"contrast": {2: "height", 3: "width"}, "maps": {2: "half_height", 3: "half_width"}},
    )


if __name__ == "__main__":
    main()
