"""Runs inside the simulator (tests/hw/test_cocotb.py starts it): drives one MAC and compares every sum."""

import json
import os
from pathlib import Path

import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def sums(dut):
    """The file in MAC_VECTORS lists [clear, a, b, acc after the edge, or null while a pipeline fills]."""
    dut.clk.value = 0
    for clear, a, b, expected in json.loads(Path(os.environ["MAC_VECTORS"]).read_text()):
        dut.clear.value, dut.a.value, dut.b.value = clear, a, b
        await Timer(1, "step")
        dut.clk.value = 1
        await Timer(1, "step")
        if expected is not None:
            assert dut.acc.value.to_signed() == expected, f"a = {a}, b = {b}"
        dut.clk.value = 0
        await Timer(1, "step")
