"""One format, five implementations: how many roundings were compared with the exact codec, and how many differ.

The probes of a format are every value, every midpoint between neighbours, the saturation threshold on either side, the
numbers of the computing type just beside each of these, zeros, the smallest subnormal, the extremes of the type and
infinities. Compared are bits, so signs of zero count; where a library has no signed zero or no such code, the
probes are those that it can be asked (said beside each comparison below).
"""

import brevitas.nn as qnn
import gfloat
import ml_dtypes
import numpy as np
import pandas as pd
import torch
from brevitas.graph.calibrate import calibration_mode

from repro.exhibits import Table, exhibit
from repro.experiments.base import Experiment
from repro.fakequant import activation_injector, compiling, fake_quantize
from repro.formats import Format, Integer, Minifloat, parse

ML_DTYPES = {
    "E2M1": ml_dtypes.float4_e2m1fn, "E2M3": ml_dtypes.float6_e2m3fn, "E3M2": ml_dtypes.float6_e3m2fn,
    "E3M4": ml_dtypes.float8_e3m4, "E4M3": ml_dtypes.float8_e4m3fn, "E4M3B8": ml_dtypes.float8_e4m3fnuz,
    "E4M3B11": ml_dtypes.float8_e4m3b11fnuz, "E5M2": ml_dtypes.float8_e5m2, "E5M2B16": ml_dtypes.float8_e5m2fnuz,
}
"""Formats that ml_dtypes has, up to its codes for infinity, NaN and -0."""
SCALES = (1.0, 0.37)


def every_format() -> list[Format]:
    """Every minifloat of 1 to 6 exponent and 0 to 6 mantissa bits and at most 9 bits, with three biases each (and the further ones
    of ml_dtypes), and the integers of 3 to 8 bits: signed, narrow range and unsigned.
    """
    found: list[Format] = []
    for e in range(1, 7):
        for m in range(min(6, 8 - e) + 1):
            usual = Minifloat(e, m).bias
            found += [Minifloat(e, m, bias) for bias in (usual, usual + 1, usual - 3)]
    found.append(parse("E4M3B11"))
    for bits in range(3, 9):
        found += [Integer(bits), Integer(bits, narrow_range=True), Integer(bits, signed=False)]
    return found


def probes(fmt: Format, dtype: type) -> np.ndarray:
    """The probes of a format, as said above, in a NumPy floating-point type."""
    values = fmt.values()
    thresholds = [fmt.max + (values[-1] - values[-2]) / 2, fmt.min - (values[1] - values[0]) / 2]
    edges = np.concatenate([values, (values[1:] + values[:-1]) / 2, thresholds]).astype(dtype)
    beside = [np.nextafter(edges, dtype(end)) for end in (np.inf, -np.inf)]
    limits = np.finfo(dtype)
    odd = np.array([0, limits.smallest_subnormal, limits.tiny, limits.max, np.inf], dtype)
    return np.concatenate([edges, *beside, odd, -odd])


def _differences(found: np.ndarray, wanted: np.ndarray) -> int:
    """How many elements differ in any bit."""
    return int((found.view(np.uint8) != wanted.view(np.uint8)).reshape(found.size, -1).any(axis=1).sum())


def _fake_quantized(x: np.ndarray, fmt: Format, scale: float) -> np.ndarray:
    """fake_quantize of an array, made long enough to be compiled where compiling is on."""
    longer = np.resize(x, max(x.size, compiling.SMALLEST))
    return fake_quantize(torch.from_numpy(longer), fmt, scale).numpy()[:x.size]


def _ours(fmt: Format, dtype: type) -> tuple[int, int]:
    """Against the codec, with x / scale and the product with the scale in the tensor's type."""
    compared = different = 0
    for scale in map(dtype, SCALES):
        with np.errstate(over="ignore", under="ignore"):
            x = probes(fmt, dtype) * scale
            wanted = fmt.round(x / scale).astype(dtype) * scale
        different += _differences(_fake_quantized(x, fmt, float(scale)), wanted)
        compared += x.size
    return compared, different


def _bfloat16(fmt: Format) -> tuple[int, int]:
    """All 65,536 bit patterns of bfloat16 except its NaNs."""
    x = np.arange(2**16, dtype=np.uint16).view(ml_dtypes.bfloat16)
    x = x[~np.isnan(x.astype(np.float32))]
    tensor = torch.from_numpy(x.view(np.int16).copy()).view(torch.bfloat16)
    found = fake_quantize(tensor, fmt, 1.0).view(torch.int16).numpy()
    return x.size, _differences(found, fmt.round(x.astype(np.float32)).astype(np.float32).astype(ml_dtypes.bfloat16).view(np.int16))


def _brevitas(fmt: Format) -> tuple[int, int]:
    """Brevitas' own kernel against the codec: finite probes up to four times the largest value; the sign of an integer's
    zero does not count.
    """
    largest = max(fmt.max, -fmt.min)
    compared = different = 0
    for scale in SCALES:
        layer = qnn.QuantIdentity(act_quant=activation_injector(fmt))
        with torch.no_grad(), calibration_mode(layer):
            layer(torch.tensor([largest * scale]))
        with torch.no_grad():
            layer.eval()
            s = layer.act_quant.scale().numpy()
            x = probes(fmt, np.float32)
            x = x[np.abs(x) <= 4 * largest] * s
            found = layer(torch.from_numpy(x)).numpy()
        wanted = fmt.round(x / s).astype(np.float32) * s
        if isinstance(fmt, Integer):
            found, wanted = found + np.float32(0), wanted + np.float32(0)
        different += _differences(found, wanted)
        compared += x.size
    return compared, different


def _gfloat(fmt: Minifloat) -> tuple[int, int]:
    """gfloat, told the same format: saturating, no infinity, no NaN."""
    info = gfloat.FormatInfo(
        name=fmt.name, k=fmt.bits, precision=fmt.mantissa_bits + 1, bias=fmt.bias, is_signed=True, domain=gfloat.Domain.Finite,
        has_nz=True, has_subnormals=True, num_high_nans=0, is_twos_complement=False)
    x = probes(fmt, np.float64)
    found = gfloat.round_ndarray(info, x, gfloat.RoundMode.TiesToEven, True)
    return x.size, _differences(found, fmt.round(x))


def _ml_dtypes(fmt: Minifloat) -> tuple[int, int]:
    """ml_dtypes, cast there and back from float32, up to its largest finite value; no sign where zero has none."""
    dtype = ML_DTYPES[fmt.name]
    x = probes(fmt, np.float32)
    x = x[np.abs(x) <= float(ml_dtypes.finfo(dtype).max)]
    found, wanted = x.astype(dtype).astype(np.float32), fmt.round(x).astype(np.float32)
    if dtype.__name__.endswith("fnuz"):
        found, wanted = found + np.float32(0), wanted + np.float32(0)
    return x.size, _differences(found, wanted)


def _grid(scale: str) -> list[dict]:
    chosen = every_format() if scale == "laptop" else [parse(name) for name in ("E4M3", "E3M0", "E2M1B2", "INT4", "UINT5")]
    return [{"format": fmt.name} for fmt in chosen]


def _compute(batch: list[dict], scale: str) -> list[dict]:
    rows = []
    for point in batch:
        fmt = parse(point["format"])
        found = {"fake_quantize float32": _ours(fmt, np.float32), "fake_quantize float64": _ours(fmt, np.float64),
                 "fake_quantize bfloat16": _bfloat16(fmt)}
        if fmt.kind == "integer" or fmt.mantissa_bits > 0:
            found["Brevitas"] = _brevitas(fmt)
        if fmt.kind == "minifloat":
            found["gfloat"] = _gfloat(fmt)
        if fmt.name in ML_DTYPES:
            found["ml_dtypes"] = _ml_dtypes(fmt)
        rows += [point | {"implementation": name, "codes": len(fmt.values()), "compared": compared, "different": different,
                          "n": compared, "seed": ""} for name, (compared, different) in found.items()]
    return rows


EXPERIMENT = Experiment(
    name="equality",
    title="Roundings compared with the exact codec, bit for bit",
    keys=("format", "implementation"),
    metrics={"codes": 0, "compared": 0, "different": 0},
    grid=_grid, compute=_compute, module=__name__, batch=10,
)


@exhibit
def table(rows: pd.DataFrame) -> Table:
    """Comparisons and differences by implementation."""
    frame = rows.groupby("implementation", sort=False).agg(
        formats=("format", "nunique"), values=("codes", "sum"), comparisons=("compared", "sum"), differences=("different", "sum"))
    frame = frame.sort_values("comparisons", ascending=False).reset_index()
    return Table(f"Roundings compared with the exact codec. The 27 formats of the catalogue are among the {rows['format'].nunique()}; "
                 "the others have other biases, no mantissa bits, 9 bits, a narrow range or no sign.", rows=rows, frame=frame,
                 formats={name: "{:,}" for name in ("values", "comparisons", "differences")})
