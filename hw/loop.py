"""Runs dot products on a mapped MAC: one clock edge after the other, thousands of dot products at once.

Bit t of every plane (hw.netlist) belongs to dot product t. One edge with ``clear`` high empties the register, and each
edge after it adds the next product. Nothing helps the register along: it holds what the netlist puts there.
"""

from dataclasses import dataclass

import numpy as np

from hw.check import units
from hw.generate import Mac
from hw.netlist import Netlist
from repro.errors import BadInput
from repro.formats import Format


@dataclass(frozen=True)
class DotProducts:
    """What the hardware made of some dot products; arrays of the operands' shape without its last axis."""

    values: np.ndarray
    """The register at the end, in units of acc: int64, or Python ints where acc has more than 64 bits."""
    wraps: np.ndarray | None
    """int64: how often the register wrapped around on the way, told as hardware tells it: both addends have one sign and
    their sum has the other. None when a product of these operands may not even fit the register: signs do not tell then."""


def dot_products(netlist: Netlist, mac: Mac, a_codes, b_codes) -> DotProducts:
    """The sum of a * b over the last axis, run on the netlist of ``mac``: a clear edge, then one edge a product.

    ``a_codes``, ``b_codes``: codes of mac.a and mac.b, integer arrays of shapes (..., k) that broadcast against each
    other: (cases, k) and (cases, k), say, or (images, 1, k) and (channels, k) for all outputs of a layer. k may be any
    length; it is the width of acc that limits what a sum can hold.

    Raises BadInput when codes are not integers of the format's width, when shapes do not fit or hold nothing, or when
    the netlist has registers beside acc.
    """
    if {cell.pins["Q"][0] for cell in netlist.registers} != set(netlist.ports["acc"]):
        raise BadInput(f"{netlist.name}: its flip-flops are not exactly the bits of acc: use a MAC without a pipeline")
    a, b = _codes(a_codes, mac.a, "a"), _codes(b_codes, mac.b, "b")
    fits = _largest(a, mac.a) * _largest(b, mac.b) < 2 ** (mac.acc_bits - 1)
    try:
        a, b = np.broadcast_arrays(a, b)
    except ValueError:
        raise BadInput(f"codes of shapes {a.shape} and {b.shape} do not fit: they must broadcast, with k last") from None
    cases, sign = a[..., 0].size, netlist.ports["acc"][-1]
    register = dict.fromkeys(netlist.ports["acc"], (1 << cases) - 1)  # whatever it held at power-up
    register = _edge(netlist, cases, register, [0] * mac.a.bits, [0] * mac.b.bits, clear=True)
    wraps = np.zeros(cases, np.int64)
    for step in range(a.shape[-1]):
        planes_a, planes_b = _planes(a[..., step], mac.a.bits), _planes(b[..., step], mac.b.bits)
        after = _edge(netlist, cases, register, planes_a, planes_b)
        if fits:
            added = _sign(planes_a, mac.a) ^ _sign(planes_b, mac.b)
            wraps += _bits([~(register[sign] ^ added) & (register[sign] ^ after[sign])], cases)[0]
        register = after
    values = _integers([register[wire] for wire in netlist.ports["acc"]], cases)
    return DotProducts(values.reshape(a.shape[:-1]), wraps.reshape(a.shape[:-1]) if fits else None)


def _edge(netlist: Netlist, cases: int, register: dict, a: list[int], b: list[int], clear: bool = False) -> dict:
    """The register's planes after one clock edge."""
    ports = netlist.ports
    inputs = {**dict(zip(ports["a"], a, strict=True)), **dict(zip(ports["b"], b, strict=True)),
              ports["clear"][0]: (1 << cases) - 1 if clear else 0, ports["clk"][0]: 0}
    return netlist.next_state(cases, register | inputs)


def _codes(codes, fmt: Format, name: str) -> np.ndarray:
    codes = np.asarray(codes)
    if codes.size == 0 or codes.ndim == 0 or codes.dtype.kind not in "iu":
        raise BadInput(f"{name} must be an array of codes, k of them along the last axis, "
                       f"not {codes.dtype} of shape {codes.shape}")
    if codes.min() < 0 or codes.max() >= 2**fmt.bits:
        raise BadInput(f"{name}: codes of {fmt.name} lie in 0..{2**fmt.bits - 1}, found {codes.min()}..{codes.max()}")
    return codes.astype(np.uint16)


def _largest(codes: np.ndarray, fmt: Format) -> int:
    """The largest magnitude among the operands, in subnormal steps."""
    return max(map(abs, units(fmt, np.unique(codes))))


def _sign(planes: list[int], fmt: Format) -> int:
    """Plane of the operands' sign bits: the top bit of a code, in two's complement and in minifloats."""
    return planes[-1] if fmt.signed else 0


def _planes(codes: np.ndarray, bits: int) -> list[int]:
    """Codes, uint16 of any shape, as ``bits`` planes."""
    table = codes.reshape(1, -1) >> np.arange(bits, dtype=np.uint16)[:, None] & 1
    packed = np.packbits(table.astype(np.uint8), axis=1, bitorder="little")
    return [int.from_bytes(plane.tobytes(), "little") for plane in packed]


def _bits(planes: list[int], cases: int) -> np.ndarray:
    """Planes as uint8 (planes, cases) of zeros and ones."""
    data = b"".join(plane.to_bytes((cases + 7) // 8, "little") for plane in planes)
    packed = np.frombuffer(data, np.uint8).reshape(len(planes), -1)
    return np.unpackbits(packed, axis=1, count=cases, bitorder="little")


def _integers(planes: list[int], cases: int) -> np.ndarray:
    """Two's-complement numbers from their planes, least significant first: int64, or object beyond 64 bits."""
    size = len(planes) // 8 + 1
    extended = planes + [planes[-1]] * (8 * size - len(planes))
    rows = np.packbits(_bits(extended, cases).T, axis=1, bitorder="little").tobytes()
    numbers = [int.from_bytes(rows[start:start + size], "little", signed=True) for start in range(0, len(rows), size)]
    return np.array(numbers, np.int64 if len(planes) <= 64 else object)
