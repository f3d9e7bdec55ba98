"""How many elements a second fake quantization rounds: ours, Brevitas, gfloat, ml_dtypes, and plain copies beside them.

All contenders run in one process, in turns; medians and quartiles. Ratios within one run say something about other
machines, times do not.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable

import brevitas.nn as qnn
import gfloat
import gfloat.formats
import matplotlib.pyplot as plt
import ml_dtypes
import numpy as np
import pandas as pd
import torch
from brevitas.graph.calibrate import calibration_mode
from torch import Tensor

from repro.exhibits import COLOURS, Figure, Table, exhibit
from repro.experiments.base import Experiment
from repro.experiments.timing import in_turns
from repro.fakequant import activation_injector, compiling, fake_quantize
from repro.formats import Format, Integer, parse

FORMATS = ("E4M3", "E3M2", "E2M1", "INT8", "INT4")
SIZES = (2**10, 2**16, 2**22, 2**26)
LIBRARIES = {"E4M3": (gfloat.formats.format_info_ocp_e4m3, ml_dtypes.float8_e4m3fn),
             "E3M2": (gfloat.formats.format_info_ocp_e3m2, ml_dtypes.float6_e3m2fn),
             "E2M1": (gfloat.formats.format_info_ocp_e2m1, ml_dtypes.float4_e2m1fn)}
"""gfloat and ml_dtypes have the OCP flavour of these formats, which differs in E4M3's largest value alone."""
SCALE = 0.05
COMPILE = ("compiling, first time on a machine", "compiling, cached on disk")


def log2_version(x: Tensor, fmt: Format, scale: float) -> Tensor:
    """The quantizer as the paper writes it, one PyTorch operation after another."""
    v = x / scale
    if isinstance(fmt, Integer):
        return torch.clamp(torch.round(v), fmt.min, fmt.max) * scale
    exponent = torch.clamp(torch.floor(torch.log2(torch.abs(v))), min=1 - fmt.bias)
    step = torch.exp2(exponent - fmt.mantissa_bits)
    return torch.clamp(torch.round(v / step) * step, fmt.min, fmt.max) * scale


def _contenders(x: Tensor, fmt: Format) -> dict[str, Callable[[], object]]:
    layer = qnn.QuantIdentity(act_quant=activation_injector(fmt))
    with calibration_mode(layer):
        layer(torch.tensor([max(fmt.max, -fmt.min) * SCALE]))
    brevitas = layer.eval().act_quant.fused_activation_quant_proxy.tensor_quant
    target = torch.empty_like(x)

    def stay_eager():
        with compiling.eager():
            fake_quantize(x, fmt, SCALE)

    calls = {"ours": lambda: fake_quantize(x, fmt, SCALE), "ours, eager": stay_eager, "Brevitas": lambda: brevitas(x),
             "log2, eager": lambda: log2_version(x, fmt, SCALE), "clone": x.clone, "copy_": lambda: target.copy_(x)}
    if fmt.name in LIBRARIES:
        info, dtype = LIBRARIES[fmt.name]
        array, scale = x.numpy(), np.float32(SCALE)
        calls["gfloat"] = lambda: gfloat.round_ndarray(info, array / scale, gfloat.RoundMode.TiesToEven, True) * scale
        calls["ml_dtypes"] = lambda: (array / scale).astype(dtype).astype(np.float32) * scale
    return calls


def _compile_seconds() -> list[dict]:
    """Seconds to compile in a fresh process, with an empty cache on disk and with the one just filled; no rows without a compiler."""
    program = "from repro.fakequant import compiling; print(compiling.compile_now())"
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache, "PYTHONWARNINGS": "ignore"}
        found = []
        for contender in COMPILE:
            done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                return []
            seconds = float(done.stdout.split()[-1])
            found.append({"contender": contender, "format": "any", "elements": 0, "low_s": seconds, "median_s": seconds,
                          "high_s": seconds, "n": 1, "seed": ""})
    return found


def _grid(scale: str) -> list[dict]:
    return [{"device": "cpu"}]


@torch.no_grad()
def _compute(batch: list[dict], scale: str) -> list[dict]:
    rows = _compile_seconds() if scale == "laptop" else []
    if rows:
        compiling.compile_now()
    for size in SIZES if scale == "laptop" else SIZES[:1]:
        x = torch.randn(size, generator=torch.Generator().manual_seed(0))
        for name in FORMATS if scale == "laptop" else FORMATS[2:3]:
            found = in_turns(_contenders(x, parse(name)), budget=0.5 if scale == "laptop" else 0.01)
            rows += [{"contender": contender, "format": name, "elements": size, "seed": 0, **times}
                     for contender, times in found.items()]
    return [batch[0] | {"threads": torch.get_num_threads()} | row for row in rows]


EXPERIMENT = Experiment(
    name="fakequant_speed",
    title="Elements a second: fake quantization against other libraries",
    keys=("device", "contender", "format", "elements"),
    metrics={"threads": 0, "low_s": 0, "median_s": 0, "high_s": 0},
    grid=_grid, compute=_compute, module=__name__, benchmark=True,
)


def speeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Million elements a second at the median: index (format, elements), a column for each contender."""
    timed = rows[rows["elements"] > 0]
    rates = timed.assign(rate=timed["elements"] / timed["median_s"] / 1e6)
    return rates.pivot(index=["format", "elements"], columns="contender", values="rate")


def compile_seconds(rows: pd.DataFrame) -> dict[str, float]:
    """Seconds to compile all kernels, the first time on a machine and again; empty where there was no compiler."""
    found = rows[rows["elements"] == 0].set_index("contender")["median_s"]
    return {name.removeprefix("compiling, "): float(found[name]) for name in COMPILE if name in found}


@exhibit
def goals(rows: pd.DataFrame) -> Table:
    """What we set out to reach, format by format, and whether it was."""
    large, small = speeds(rows).xs(2**22, level="elements"), speeds(rows).xs(2**10, level="elements")
    frame = pd.DataFrame({
        "format": FORMATS,
        "times Brevitas, 4 M elements": _judged(large, "Brevitas", 15, "{:.1f}"),
        "times clone, 4 M elements": _judged(large, "clone", 0.75, "{:.2f}"),
        "times Brevitas, 1,024 elements": _judged(small, "Brevitas", 1, "{:.1f}"),
    })
    return Table("Speed of our fake quantizer within one run. Goals: 15 times Brevitas and 0.75 times clone at 4 M elements (2^22), "
                 "and never slower than Brevitas at 1,024.", rows=rows, frame=frame)


def _judged(rate: pd.DataFrame, other: str, goal: float, pattern: str) -> list[str]:
    ratios = [rate["ours"][name] / rate[other][name] for name in FORMATS]
    return [pattern.format(ratio) + (" (reached)" if ratio >= goal else " (missed)") for ratio in ratios]


@exhibit
def picture(rows: pd.DataFrame) -> Figure:
    """Elements a second against size, E4M3 and INT8."""
    styles = {"copy_": ("#888888", "", ":"), "clone": ("#555555", "D", ":"), "ours": (None, "o", "-"),
              "ours, eager": (None, "o", "--"), "Brevitas": ("#009E73", "^", "-"), "log2, eager": ("#CC79A7", "v", "-"),
              "ml_dtypes": ("#E69F00", "P", "-"), "gfloat": ("#333333", "x", "-")}
    table = speeds(rows)
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 4.4), sharey=True)
    for axis, name in zip(axes, ("E4M3", "INT8")):
        for contender, (colour, marker, line) in styles.items():
            rate = table.loc[name].get(contender, pd.Series(dtype=float)).dropna()
            if len(rate):
                axis.plot(rate.index, rate, line, marker=marker, color=colour or COLOURS[parse(name).kind], label=contender,
                          markerfacecolor="none" if line == "--" else None, linewidth=2 if contender == "ours" else 1.2)
        axis.set(xscale="log", yscale="log", xlabel="elements in the tensor", title=name)
        axis.set_xscale("log", base=2)
    axes[0].set_ylabel("million elements a second")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    return Figure("Fake quantization of a float32 tensor of Gaussian numbers, medians; "
                  f"{int(rows['threads'].iloc[0])} threads of a CPU. Below {compiling.SMALLEST:,} elements the call "
                  "costs more than the arithmetic, and ours stays eager.",
                  rows=rows, figure=figure,
                  alt="Two log-log charts of speed against tensor size, for E4M3 and INT8. For large tensors ours is below clone and "
                      "copy_; Brevitas is about ten times slower, ml_dtypes and gfloat slower still.")
