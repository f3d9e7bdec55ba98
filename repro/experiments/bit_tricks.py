"""The rounding trick of `repro.fakequant.kernels`, shown step by step on one number."""

import numpy as np
import pandas as pd

from repro.exhibits import Table, exhibit
from repro.formats import Minifloat


def steps(x: float, fmt: Minifloat) -> dict[str, np.float32]:
    """The float32 numbers on the way from `x` (|x| at most the format's largest value) to its rounded value, in order.

    The format has at least one mantissa bit.
    """
    x = np.float32(x)
    exponent = max(int(np.floor(np.log2(abs(float(x))))) if x else 1 - fmt.bias, 1 - fmt.bias)
    shift = np.float32(1.5 * 2.0 ** (exponent + 23 - fmt.mantissa_bits))
    total = x + shift
    return {"x": x, "shift = 1.5 · 2^(E + 23 - m)": shift, "x + shift": total, "(x + shift) - shift": total - shift}


@exhibit
def step_table(x: float, fmt: Minifloat) -> Table:
    """Each step as a number and as the bits of a float32: sign, exponent, mantissa."""
    found = steps(x, fmt)
    bits = [f"{int(value.view(np.uint32)):032b}" for value in found.values()]
    frame = pd.DataFrame({"step": list(found), "value": [f"{value:.9g}" for value in found.values()],
                          "sign": [b[0] for b in bits], "exponent": [b[1:9] for b in bits], "mantissa": [b[9:] for b in bits]})
    return Table(f"{float(x):g} rounded to {fmt.name}. The sum has room for only {fmt.mantissa_bits} bits below the leading one of x: the "
                 "processor rounds half to even, and the subtraction puts the number back.", frame=frame)
