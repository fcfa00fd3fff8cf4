"""Turn exported weights into the whole numbers that the product ships.

    python training/quantize.py --float training/hairnet_float.onnx --out src/densitometry/trace/hairnet.onnx

Maps between layers become bytes and kernels whole numbers of seven bits: with eight, processors without
instructions of their own for it would cut sums off, and maps would depend on the machine. The first layers,
which read the picture, and the last, which say widths and chances, stay as they are. The range of every map
is what random phantoms reach.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from densitometry.analysis import trace_options
from densitometry.settings import TraceSettings
from densitometry.simulate import grow_scene, random_settings, render_scene
from densitometry.trace.grid import to_grid
from densitometry.units import PixelSize

UM_PER_PX = (4.0, 12.0)
SIDE_UM, SIDE_PX = 2500.0, 256
KEPT = ("stem", "fine", "centre", "rest/")
"""Parts of the names of convolutions that stay floating: they read the picture or say what it shows."""
READINGS_MEET = "/Add"
"""So begin the names of the sums of two readings."""
WHOLE = ["Conv", "Add", "Resize", "Relu", "Pad"]


class Phantoms(CalibrationDataReader):
    """Random phantoms as the network reads them."""

    def __init__(self, count: int, seed: int) -> None:
        self.inputs = self._inputs(count, seed)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next picture, or None after the last."""
        return next(self.inputs, None)

    @staticmethod
    def _inputs(count: int, seed: int) -> Iterator[dict[str, NDArray[np.float32]]]:
        for i in range(count):
            rng = np.random.default_rng((seed, i))
            um = float(rng.uniform(*UM_PER_PX))
            side = int(SIDE_UM / um)
            settings = random_settings(rng, um_per_px=um, size_px=(side, side))
            pixels = render_scene(grow_scene(settings, rng), um, rng).rgb
            options = trace_options(TraceSettings(), PixelSize(um, "simulated"))
            picture = to_grid(pixels, np.ones(pixels.shape[:2], np.bool_), options.grid_px)
            contrast = np.zeros((1, 3, SIDE_PX, SIDE_PX), np.float32)
            fine = np.zeros((1, 1, 2 * SIDE_PX, 2 * SIDE_PX), np.float32)
            h, w = (min(SIDE_PX, n) for n in picture.contrast.shape[:2])
            contrast[0, :, :h, :w] = picture.contrast.transpose(2, 0, 1)[:, :h, :w]
            fine[0, 0, : 2 * h, : 2 * w] = picture.fine[: 2 * h, : 2 * w]
            yield {"contrast": contrast, "fine": fine}


def simplified(source: Path, target: Path) -> None:
    """Write a file with constants folded and shared weights named once."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def main() -> None:
    """Find the ranges and write the whole numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--float", type=Path, required=True, dest="source")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=8808)
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        simple = Path(folder) / "simple.onnx"
        simplified(args.source, simple)
        nodes = onnx.load(str(simple)).graph.node
        kept = [n.name for n in nodes if n.op_type == "Conv" and any(part in n.name for part in KEPT)]
        kept += [n.name for n in nodes if n.op_type == "Add" and n.name.startswith(READINGS_MEET)]
        quantize_static(
            str(simple),
            str(args.out),
            Phantoms(args.count, args.seed),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=WHOLE,
            nodes_to_exclude=kept,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


if __name__ == "__main__":
    main()
