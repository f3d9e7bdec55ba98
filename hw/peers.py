"""Other people's arithmetic on our synthesiser: their sources, read from clones, in our shell (hw/peers/*.v).

None of their code is kept here. The environment variable REPRO_PEERS names a folder with clones of the repositories, each
under its own name; without it there is nothing to synthesise, and the recorded rows are shown.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from hw import yosys
from hw.generate import Mac
from hw.netlist import Netlist
from hw.synth import CARRY_ROWS, YOSYS_DEFAULT, Counts, count
from repro import paths
from repro.errors import BadInput
from repro.formats import parse

VARIABLE = "REPRO_PEERS"
MAPPINGS = (YOSYS_DEFAULT, CARRY_ROWS)
FILES = {
    "MX-for-FPGA": ("src/util/arith/mul_fp.sv", "src/util/arith/mul_int.sv"),
    "PACoGen": ("mult/posit_mult.v", "add/posit_add.v"),
}
"""Repository -> the files that are read, as they lie in a clone."""
_SHELLS = {"MX-for-FPGA": "mx_mac", "PACoGen": "posit_mac"}
_FLOW = "synth_xilinx -family xcup -nodsp -flatten -noiopad -noclkbuf -top bench"
_POSIT = re.compile(r"posit\((\d+),(\d+)\)")


@dataclass(frozen=True)
class Design:
    """A peer's unit for one format: a minifloat such as E4M3 (MX-for-FPGA), or posit(8,1), that is bits and exponent bits."""

    peer: str
    format: str
    k: int = 4608

    @property
    def mac(self) -> Mac | None:
        """The MAC of ours that does the same, bit for bit; None when the peer rounds."""
        if self.peer != "MX-for-FPGA":
            return None
        fmt = parse(self.format)
        return Mac(fmt, fmt, self.k)

    def top(self, name: str) -> str:
        """Verilog of a module with the shell's ports and frozen parameters. Raises BadInput for a format the peer has not."""
        if mac := self.mac:
            bits, width = mac.a.bits, mac.acc_bits
            values = {"E": mac.a.exponent_bits, "M": mac.a.mantissa_bits, "P": width}
        elif match := _POSIT.fullmatch(self.format):
            values = {"N": int(match[1]), "ES": int(match[2])}
            bits = width = values["N"]
        else:
            raise BadInput(f"{self.peer} has no format {self.format!r}: write posit(8,1)")
        frozen = ", ".join(f".{key}({value})" for key, value in values.items())
        ports = f"input clk, input clear, input [{bits - 1}:0] a, input [{bits - 1}:0] b, output [{width - 1}:0] acc"
        return (f"module {name} ({ports});\n    {_SHELLS[self.peer]} #({frozen}) mac "
                "(.clk(clk), .clear(clear), .a(a), .b(b), .acc(acc));\nendmodule\n")


@dataclass(frozen=True)
class Mapped:
    """One peer's unit after synthesis under one mapping."""

    design: Design
    mapping: str
    counts: Counts
    netlist: Netlist


def lacking(*wanted: str) -> str:
    """What is missing to synthesise these peers (all of them by default), one line with the way out; empty when nothing is."""
    wanted = wanted or tuple(FILES)
    folder = os.environ.get(VARIABLE)
    if not folder:
        return f"{VARIABLE} is not set: clone {wanted[0]} from GitHub and let it name the folder that holds the clone"
    for peer in wanted:
        for file in FILES[peer]:
            if not (_clone(peer) / file).is_file():
                return f"{VARIABLE} names {folder}, where {peer}/{file} is missing: clone {peer} from GitHub into it"
    return ""


def _clone(peer: str) -> Path:
    """A relative folder is seen from the checkout's root."""
    return paths.ROOT / Path(os.environ[VARIABLE]).expanduser() / peer


def synthesise(jobs: list[tuple[Design, str]]) -> list[Mapped]:
    """Map every (design, mapping name) in one Yosys run, in the flow of hw.synth; results in the order of the jobs.

    Raises BadInput when a clone is not there, for an unknown mapping or format, and as :func:`hw.yosys.run` does.
    """
    for _, mapping in jobs:
        if mapping not in MAPPINGS:
            raise BadInput(f"unknown mapping {mapping!r} for a peer: use {' or '.join(MAPPINGS)}")
    wanted = sorted({design.peer for design, _ in jobs})
    if reason := lacking(*wanted):
        raise BadInput(reason)
    files = {name: text for peer in wanted for name, text in _sources(peer).items()}
    tops = [design.top(f"job{index}") for index, (design, _) in enumerate(jobs)]
    netlists = synthesise_text(files, tops, [mapping for _, mapping in jobs])
    return [Mapped(design, mapping, count(netlist), netlist) for (design, mapping), netlist in zip(jobs, netlists)]


def synthesise_text(files: dict[str, str], tops: list[str], mappings: list[str]) -> list[Netlist]:
    """Map modules job0, job1, ... (texts ``tops``) over source files (name -> text, .sv read as SystemVerilog)."""
    names = [f"job{index}" for index in range(len(tops))]
    bench = ["module bench;", *(f"(* keep *) {name} keep_{name} ();" for name in names), "endmodule"]
    lines = [f"read_verilog {'-sv ' if file.endswith('.sv') else ''}{file}" for file in files]
    lines += ["read_verilog tops.v", "hierarchy -check -top bench", "setattr -mod -set keep_hierarchy 1 " + " ".join(names),
              "proc", "flatten"]
    if by_rows := [name for name, mapping in zip(names, mappings) if mapping == CARRY_ROWS]:
        lines += ["select " + " ".join(by_rows), "opt -full", "wreduce", "techmap -map carry_rows.v", "select -clear"]
    inputs = {**files, "tops.v": "\n".join([*tops, *bench]),
              "carry_rows.v": (paths.TECHMAP / "carry_rows.v").read_text(encoding="utf-8")}
    modules = json.loads(yosys.run([*lines, _FLOW, "write_json mapped.json"], inputs, "mapped.json"))["modules"]
    return [Netlist.from_json(name, modules[name]) for name in names]


def _sources(peer: str) -> dict[str, str]:
    """The peer's files and its shell, by file name."""
    texts = {Path(file).name: (_clone(peer) / file).read_text(encoding="utf-8", errors="replace") for file in FILES[peer]}
    shell = f"{_SHELLS[peer]}.v"
    # Helper modules of the same name differ from file to file, so each file keeps its own under the file's name.
    renamed = {file: _own_names(text, Path(file).stem) if peer == "PACoGen" else text for file, text in texts.items()}
    return renamed | {shell: (paths.ROOT / "hw" / "peers" / shell).read_text(encoding="utf-8")}


def _own_names(verilog: str, stem: str) -> str:
    """The text with ``stem_`` before the name of every module it defines, except the one called ``stem``."""
    for module in set(re.findall(r"^\s*module\s+(\w+)", verilog, re.MULTILINE)) - {stem}:
        verilog = re.sub(rf"\b{module}\b", f"{stem}_{module}", verilog)
    return verilog
