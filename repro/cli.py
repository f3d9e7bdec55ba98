"""The command `repro`."""

import dataclasses
import math
import os
import signal
import sys
import threading
from pathlib import Path

import click

from repro import paths
from repro.errors import BadInput

WIDEST = 1024
"""Bits of accumulator beyond which `repro mac` and its like say no: every format of up to 8 exponent bits needs fewer."""
RESULTS = click.option("--results", type=click.Path(path_type=Path), default=paths.RECORDED, show_default="data/results",
                       help="Folder of the CSV files.")
SCALE = click.option("--scale", default="laptop", show_default=True, help="smoke (seconds) or laptop.")

LENGTH = click.option("--n", "k", default=4608, show_default=True, type=click.IntRange(1), help="Length of the dot product.")
ACC_BITS = click.option("--acc-bits", type=click.IntRange(2), help="Width of the accumulator; without it the exact width.")
VERILOG = click.option("--verilog", type=click.Path(path_type=Path), metavar="FILE",
                       help="Also write the design to this file, and beside it a self-checking test bench (mac_tb.v) and the "
                            "Yosys script that counts it (mac.ys).")


class _OneLine(click.Group):
    """Wrong arguments and wrong input end in one line and exit status 2."""

    def main(self, *args, **kwargs):
        """Run a command; exits with status 2, and one line, on whatever a reader can put right."""
        if threading.current_thread() is threading.main_thread():  # Python lets no other thread choose
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that temporary files are removed
        try:
            return super().main(*args, **kwargs, standalone_mode=False)
        except BadInput as error:
            message = str(error)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "repro"
            message = f"{error.format_message()} See `{command} --help`."
        except click.Abort:
            message = "stopped; rows computed so far are kept"
        except BrokenPipeError:  # the reader of a pipe has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except OSError as error:
            message = f"{error.filename or 'the system'}: {error.strerror}: check the path, its permissions and the disk"
        click.echo(f"repro: {BadInput(message)}", err=True)
        sys.exit(2)


@click.group(cls=_OneLine, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Reproduce papers on low-precision arithmetic for FPGAs: formats, networks, accumulators, silicon."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@main.command("list")
def list_() -> None:
    """The experiments, and how many rows each has."""
    from repro import runner, store
    from repro.experiments import NAMES, experiment

    for name in NAMES:
        spec = experiment(name)
        rows = store.load(spec)
        needs = f"; needs {', '.join(spec.needs)}" if spec.needs else ""
        stale = f", {int(runner.stale(spec, rows).sum())} stale" if len(rows) else ""
        click.echo(f"{name:10} {spec.title} ({len(rows)} rows{stale}{needs})")


@main.command()
@click.argument("names", nargs=-1)
@click.option("--live", is_flag=True, help="All that take seconds and need nothing beyond pip packages.")
@SCALE
@click.option("--shard", default="1/1", show_default=True, help="Compute the I-th of N parts of the grid.")
@RESULTS
def run(names: tuple[str, ...], live: bool, scale: str, shard: str, results: Path) -> None:
    """Compute the rows of the experiments NAMES that are missing or were computed by other code."""
    from repro import runner
    from repro.experiments import NAMES, experiment

    if bool(names) == live:
        raise BadInput("name the experiments to run (see `repro list`), or give --live")
    part, _, of = shard.partition("/")
    if not (part.isdecimal() and of.isdecimal()):
        raise BadInput(f"shard {shard!r}: write I/N, such as 1/4")
    chosen = [experiment(name) for name in names or NAMES]
    for spec in chosen:
        if live and not spec.live:
            continue
        done = runner.run(spec, scale, results, (int(part), int(of)))
        click.echo(f"{spec.name}: {done} points computed" if done else f"{spec.name}: nothing to do")


@main.command()
@click.argument("name", type=click.Choice(["fakequant", "network"]))
@SCALE
@RESULTS
def bench(name: str, scale: str, results: Path) -> None:
    """Measure speeds on this machine, all contenders in one run: NAME is fakequant (tensors) or network (inference)."""
    from repro import runner, store
    from repro.experiments import experiment

    spec = experiment(f"{name}_speed")
    runner.run(spec, scale, results, anew=True)
    rows = store.read(spec, results)
    click.echo(rows[rows["scale"] == scale][[*spec.keys, *spec.metrics, "n"]].to_string(index=False))


@main.command()
@click.argument("name")
@SCALE
def show(name: str, scale: str) -> None:
    """Print the rows of experiment NAME: those computed on this machine before the recorded ones."""
    from repro import runner, store
    from repro.experiments import experiment

    spec = experiment(name)
    rows = store.load(spec, scale)
    if rows.empty:
        raise BadInput(f"{name} has no rows at scale {scale}: run `repro run {name}`")
    rows["stale"] = runner.stale(spec, rows)
    click.echo(rows.drop(columns=["code", "versions"]).to_string(index=False))


@main.command()
@click.argument("names", nargs=-1)
@click.option("--points", default=1, show_default=True, type=click.IntRange(1), help="How many grid points of each experiment.")
@click.option("--seed", default=0, show_default=True, help="Which points: the sample's seed.")
@RESULTS
def verify(names: tuple[str, ...], points: int, seed: int, results: Path) -> None:
    """Recompute sampled rows and compare; exit status 1 when a figure leaves its tolerance."""
    from repro import runner, store
    from repro.experiments import NAMES, experiment
    from repro.verify import verify as recompute

    if not results.is_dir():
        raise BadInput(f"{results} is not a folder with results: name one, or run `repro run` first")
    failed = compared = 0
    for spec in [experiment(name) for name in names or NAMES]:
        name = spec.name
        if spec.benchmark:
            click.echo(f"{name}: skipped, times differ from machine to machine")
            continue
        if reason := runner.unmet(spec):
            click.echo(f"{name}: skipped, {reason}")
            continue
        if store.read(spec, results).empty:
            click.echo(f"{name}: no rows in {results}")
            continue
        checks = recompute(spec, results, points, seed)
        bad = [check for check in checks if not check.ok]
        for check in bad:
            click.echo(f"{name}: {check.row}: {check.metric} is written {check.written:g}, recomputed {check.recomputed:g}, "
                       f"tolerance {check.tolerance:g}")
        click.echo(f"{name}: {len(checks)} figures recomputed, {len(bad)} outside their tolerance")
        failed, compared = failed + len(bad), compared + len(checks)
    click.echo(f"{compared} figures compared, {failed} failed")
    if failed:
        sys.exit(1)


@main.command()
@click.option("--paper-values", type=click.Path(path_type=Path), help="CSV file (id,value) with values you read in the papers.")
def claims(paper_values: Path | None) -> None:
    """The verdict on every claim of the papers, and the papers' numbers beside ours."""
    from repro import claims as papers

    given = papers.read_paper_values(paper_values) if paper_values else {}
    for claim in papers.claims():
        verdict = claim.verdict()
        click.echo(f"{verdict.verdict:20} {claim.paper}: {claim.statement}\n{'':20} {verdict.evidence}")
    click.echo()
    for value in papers.values():
        value = dataclasses.replace(value, value=given.get(value.id, value.value))
        said = papers.NOT_READ if value.value is None else f"{value.value:g} {value.unit}"
        here = value.here()
        click.echo(f"{value.id:14} {value.quantity}: paper {said}; here {'not measured' if here is None else f'{here:g} {value.unit}'}")


@main.command()
@click.argument("names", nargs=-1)
def fetch(names: tuple[str, ...]) -> None:
    """Fetch data sets (from $REPRO_MIRROR if set); without NAMES, say which there are."""
    from repro.datasets import fetch as sets

    for name in names:
        click.echo(f"{name}: in {sets.fetch(name)}")
    if not names:
        for name, data in sets.REMOTES.items():
            click.echo(f"{name}: {data.title}; {'fetched' if sets.is_present(name) else 'not fetched'}; {data.note}")


@main.command()
def doctor() -> None:
    """What is here, what is missing, and what to do about it."""
    from repro.doctor import examine

    for finding in examine():
        click.echo(f"{finding.what:32} {finding.state}" + (f"  ({finding.advice})" if finding.advice else ""))


@main.command("format")
@click.argument("name")
def format_(name: str) -> None:
    """Describe the number format NAME: E4M3, E4M3B9 (bias 9), INT8, UINT4, INT8N (narrow range)."""
    from repro.accumulators import exact_width
    from repro.formats import parse

    fmt = parse(name)
    click.echo(f"{fmt.name}: {fmt.kind}, {fmt.bits} bits, {len(fmt.values())} values from {fmt.min:g} to {fmt.max:g}")
    if fmt.kind == "minifloat":
        click.echo(f"exponent bits {fmt.exponent_bits}, mantissa bits {fmt.mantissa_bits}, bias {fmt.bias}")
        click.echo(f"smallest normal {fmt.min_normal!r}, smallest subnormal {fmt.min_subnormal!r}")
    click.echo(f"exact sum of 4,608 products with itself: {exact_width(fmt, fmt, 4608)} bits")
    if fmt.bits <= 6:
        for code, value in enumerate(fmt.decode(range(2**fmt.bits))):
            click.echo(f"  {code:0{fmt.bits}b}  {value:g}")


def _measure(jobs: dict, examine) -> tuple[dict, str]:
    """Map every label's (design, mapping), check it and print a line; LUTs by design and mapping, and what was checked.

    ``examine`` takes a netlist and its design: how much was run, how it was chosen, how much was wrong, and what to add.
    Leaves with exit status 1 when anything was wrong.
    """
    from hw.synth import synthesise

    luts, failed = {}, False
    for (label, job), mapped in zip(jobs.items(), synthesise(list(jobs.values()))):
        run, how, wrong, more = examine(mapped.netlist, mapped.design)
        counts = mapped.counts
        registers = f"{counts.ff} FF, " * (counts.ff > 0)
        click.echo(f"{label:13} {counts.lut} LUT, {registers}{counts.carry4} CARRY4, {counts.depth} LUT levels; "
                   f"{run} run on the netlist, {wrong:,} wrong{more}")
        luts[job], failed = counts.lut, failed or wrong > 0
    click.echo(f"checked {how}")
    if failed:
        click.echo("the netlists are wrong: nothing is written")
        sys.exit(1)
    return luts, how


def _sums(unit, found, cycles: str) -> str:
    """How the operand pairs and steps that were run of a MAC or lane were chosen."""
    from hw.check import steps

    every, held = 2 ** (unit.a.bits + unit.b.bits), len(steps(unit.k))
    pairs = f"every operand pair, {every:,}" if found.pairs == every else (
        f"{found.pairs:,} of {every:,} operand pairs (pseudo-random ones, and all of extreme codes)")
    sample = "by a sample, not exhaustively: " * (found.pairs < every or held < unit.k)
    return (f"{sample}{pairs}, also from registers spread over {unit.acc_bits} bits, and {held:,} of {unit.k:,} {cycles} of "
            "the extreme products, against exact integers")


def _take_away(verilog: Path | None, design, bench, luts: dict, how: str) -> None:
    """Write a design's Verilog, what the function ``bench`` makes of it and its script, and say what the file counts."""
    from hw import emit
    from hw.synth import UNIT_COST, YOSYS_DEFAULT

    if verilog:
        files = emit.Files(verilog)
        checked = f"{how}, on the netlists that Yosys made of this text under two mappings. None was wrong."
        if emit.write(files, design, bench(design), checked):
            click.echo(f"made the folder {verilog.parent}")
        click.echo(f"Verilog in {verilog}, top module {design.name}; test bench in {files.bench}")
        click.echo(f"{verilog.name} counts {luts[design, UNIT_COST]} LUT with `yosys {files.script.name}` in its folder, where "
                   f"each LUT weighs one, and {luts[design, YOSYS_DEFAULT]} as synth_xilinx maps it without DSPs and pads")


def _require(verilog: Path | None, acc_bits: int, name: str) -> None:
    """Refuses, before anything takes time, what cannot be synthesised or written."""
    from hw.emit import Files

    if acc_bits > WIDEST:
        raise BadInput(f"{name}: an accumulator of {acc_bits} bits is beyond the {WIDEST} that are synthesised here: "
                       "use fewer exponent bits or a smaller --acc-bits")
    if verilog:
        Files(verilog)


@main.command()
@click.argument("a")
@click.argument("b", required=False)
@LENGTH
@ACC_BITS
@click.option("--pipeline", is_flag=True, help="Put a register behind the multiplier.")
@click.option("--saturate", is_flag=True, help="Stop at the accumulator's limits instead of wrapping (integers only).")
@click.option("--plain", is_flag=True, help="Write the textbook's Verilog to --verilog instead of the tuned one.")
@click.option("--dsp", is_flag=True, help="Also count the MAC with DSP blocks allowed (not evaluated).")
@VERILOG
def mac(a: str, b: str | None, k: int, acc_bits: int | None, pipeline: bool, saturate: bool, plain: bool,
        dsp: bool, verilog: Path | None) -> None:
    """Synthesise a multiply-accumulate unit for formats A and B (B: the same) and check its netlists.

    Every operand pair is run, or a sample where there are more than 2**20 pairs or products; the output says which.
    """
    from hw.check import sampled
    from hw.check_options import wrong_edges
    from hw.generate import PLAIN, TUNED, Mac
    from hw.synth import DSP_ALLOWED, synthesise
    from hw.testbench import testbench
    from hw.variants import VARIANTS
    from repro.formats import parse

    def examine(netlist, design):
        found = sampled(netlist, design)
        wrong = found.mismatches + wrong_edges(netlist, design)
        return f"{found.pairs:,} operand pairs", _sums(design, found, "steps"), wrong, f", {found.overflows:,} overflows"

    first, second = parse(a), parse(b or a)
    unit = Mac(first, second, k, acc_bits, architecture=PLAIN if plain else TUNED, pipeline=pipeline, saturate=saturate)
    _require(verilog, unit.acc_bits, unit.name)
    click.echo(f"{first.name} x {second.name}, sums of {k:,} products: accumulator of {unit.acc_bits} bits")
    shown = {"default", "tuned"} | ({"default", "remapped"} if plain else {"rewritten", "tuned"} if verilog else set())
    jobs = {variant: (dataclasses.replace(unit, architecture=rtl), mapping) for variant, (rtl, mapping) in VARIANTS.items()
            if variant in shown}
    luts, how = _measure(jobs, examine)
    if dsp:
        counts = synthesise([(dataclasses.replace(unit, architecture=PLAIN), DSP_ALLOWED)])[0].counts
        click.echo(f"with DSP      {counts.dsp} DSP, {counts.lut} LUT, {counts.ff} FF, {counts.carry4} CARRY4; counted only")
    _take_away(verilog, unit, testbench, luts, how)


@main.command()
@click.argument("a")
@click.argument("b", required=False)
@click.option("--simd", default=4, show_default=True, type=click.IntRange(1), help="Products in a clock cycle.")
@LENGTH
@ACC_BITS
@VERILOG
def lane(a: str, b: str | None, simd: int, k: int, acc_bits: int | None, verilog: Path | None) -> None:
    """Synthesise a lane, several products a cycle and one accumulator, for formats A and B (B: the same); check its netlists.

    Both formats are minifloats or both integers. Every operand pair is run in every position, or a sample as for `repro mac`.
    """
    from hw.lane import Lane, sampled
    from hw.lane_bench import testbench
    from repro.formats import parse

    def examine(netlist, design):
        found = sampled(netlist, design)
        return (f"{found.pairs:,} operand pairs in each position", _sums(design, found, "cycles"), found.mismatches,
                f", {found.overflows:,} overflows")

    first, second = parse(a), parse(b or a)
    unit = Lane(first, second, -(-k // simd), simd, acc_bits)
    _require(verilog, unit.acc_bits, unit.name)
    click.echo(f"{simd} products of {first.name} x {second.name} a cycle, sums of {unit.k:,} cycles: accumulator of "
               f"{unit.acc_bits} bits")
    _take_away(verilog, unit, testbench, *_measure(_both(unit), examine))


@main.command()
@click.argument("name", metavar="FORMAT")
@click.option("--acc-bits", required=True, type=click.IntRange(2), help="Width of the accumulator that is read.")
@click.option("--shift", required=True, type=int,
              help="The format's smallest step is 2**SHIFT units of the accumulator (negative: minifloats only).")
@click.option("--multiplier-bits", type=click.IntRange(1), help="Multiply first, by an unsigned input so wide (integers only).")
@VERILOG
def readout(name: str, acc_bits: int, shift: int, multiplier_bits: int | None, verilog: Path | None) -> None:
    """Synthesise what reads an accumulator out as FORMAT, rounded half to even and saturated, and check its netlists."""
    from hw.readout import Requantize, ToInteger, ToMinifloat, check, require_checkable
    from hw.readout_bench import testbench
    from repro.formats import parse

    def examine(netlist, design):
        found = check(netlist, design)
        how = f"all {found.cases:,} inputs" if found.exhaustive else (
            f"by a sample, not exhaustively: {found.cases:,} inputs (around every rounding, powers of two, pseudo-random)")
        return f"{found.cases:,} inputs", f"{how}, against repro.formats", found.mismatches, ""

    fmt = parse(name)
    if fmt.kind == "minifloat" and multiplier_bits:
        raise BadInput(f"no read-out multiplies before it makes a minifloat such as {fmt.name}: leave out --multiplier-bits, "
                       "the scale is a power of two")
    if fmt.kind == "minifloat":
        exponent = math.frexp(fmt.min_subnormal)[1] - 1 - shift
        if not -1022 <= exponent <= 1023:
            raise BadInput(f"with --shift {shift} one unit of acc is worth 2**{exponent}, beyond float64: use one nearer to 0")
        unit = ToMinifloat(acc_bits, fmt, math.ldexp(1.0, exponent))
    else:
        unit = Requantize(acc_bits, fmt, multiplier_bits, shift) if multiplier_bits else ToInteger(acc_bits, fmt, shift)
    require_checkable(unit)
    _require(verilog, acc_bits, unit.name)
    click.echo(unit.says)
    _take_away(verilog, unit, testbench, *_measure(_both(unit), examine))


def _both(design) -> dict:
    from hw.synth import UNIT_COST, YOSYS_DEFAULT

    return {mapping: (design, mapping) for mapping in (YOSYS_DEFAULT, UNIT_COST)}


@main.command()
@click.argument("report", type=click.Path(path_type=Path))
@click.option("--results", type=click.Path(path_type=Path), default=paths.LIVE, show_default="build/results",
              help="Folder of vivado.csv.")
def vivado(report: Path, results: Path) -> None:
    """Put the counts of a Vivado utilisation REPORT beside ours (hw/vivado/utilisation.tcl makes one)."""
    from repro.experiments import vivado as reports

    row = reports.add(report, results)
    click.echo(f"{row['a']} x {row['b']}: {row['lut']} LUT sites, {row['lut_cells']} LUT cells, {row['ff']} FF "
               f"on {row['device']}")


if __name__ == "__main__":
    main(prog_name="repro")
