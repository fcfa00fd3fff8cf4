"""Turn exported weights into the whole numbers that the product ships.

    python training/quantize.py --float training/hairnet_float.onnx --out src/densitometry/trace/hairnet.onnx

Maps between layers become bytes and kernels whole numbers of seven bits: with eight, processors without
instructions of their own for it would cut sums off, and maps would depend on the machine. The first layers,
which read the picture, and the last, which say widths and ends, stay as they are. The range of every map
is what random phantoms reach.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from densitometry.analysis import trace_options
from densitometry.settings import TraceSettings
from densitometry.simulate import grow_scene, random_settings, render_scene
from densitometry.trace.grid import to_grid
from densitometry.trace.maps import CERTAIN
from densitometry.units import PixelSize

UM_PER_PX = (4.0, 12.0)
SIDE_UM, SIDE_PX = 2500.0, 256
KEPT = ("stem", "fine", "rest/")
"""Parts of the names of convolutions that stay floating: they read the picture or say widths and ends."""
CENTRES_MEET, RESTS_MEET = "/Add", "/Add_1"
"""The sums of what the two readings say of centre lines, and of all else."""
READINGS, UPRIGHT = 2, "/upright/"
TO_BYTES = ("Mul", "Add", "Cast")
"""What makes bytes of the chances of centre lines, in this order after their Sigmoid."""
WHOLE = ["Conv", "Add", "Resize", "Relu", "Pad"]
"""What is done in whole numbers, where it is not kept."""


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


def with_bytes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Let the chances of centre lines be bytes where they are made: 1 is `CERTAIN`."""
    graph = model.graph
    cast = next(node for node in graph.node if node.op_type == "Cast")
    chain = [cast]
    while chain[-1].op_type != "Sigmoid":
        chain.append(next(node for node in graph.node if node.output[0] == chain[-1].input[0]))
    sigmoid = chain.pop()
    if tuple(node.op_type for node in reversed(chain)) != TO_BYTES:
        raise ValueError("the network no longer makes bytes of its chances in the way that is replaced here")
    for node in chain:
        graph.node.remove(node)
    graph.initializer.append(numpy_helper.from_array(np.array(1 / CERTAIN, np.float32), "certain"))
    graph.initializer.append(numpy_helper.from_array(np.array(0, np.uint8), "never"))
    made = helper.make_node("QuantizeLinear", [sigmoid.output[0], "certain", "never"], [cast.output[0]])
    graph.node.insert(list(graph.node).index(sigmoid) + 1, made)
    return model


def upright_alone(model: onnx.ModelProto) -> onnx.ModelProto:
    """What is said of a picture upright only: each sum of both readings becomes twice the one."""
    once = copy.deepcopy(model)
    graph = once.graph
    sums = [node for node in graph.node if node.name in (CENTRES_MEET, RESTS_MEET)]
    if len(sums) != READINGS:
        raise ValueError("the network no longer adds up its readings where they are taken apart here")
    for node in sums:
        upright = next(name for name in node.input if name.startswith(UPRIGHT))
        node.input[:] = [upright] * len(node.input)
    wanted = {output.name for output in graph.output}
    nodes = []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            nodes.insert(0, node)
            wanted.update(node.input)
    weights = [weight for weight in graph.initializer if weight.name in wanted]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(weights)
    return once


def main() -> None:
    """Find the ranges and write the whole numbers, for both readings and for the upright one."""
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
        cast = next(node for node in nodes if node.op_type == "Cast")
        rounds = next(node.name for node in nodes if node.output[0] == cast.input[0])
        quantize_static(
            str(simple),
            str(args.out),
            Phantoms(args.count, args.seed),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=WHOLE,
            nodes_to_exclude=[*kept, RESTS_MEET, rounds],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    whole = with_bytes(onnx.load(str(args.out)))
    onnx.save(whole, str(args.out))
    onnx.save(upright_alone(whole), str(args.out.with_stem(f"{args.out.stem}_once")))


if __name__ == "__main__":
    main()
