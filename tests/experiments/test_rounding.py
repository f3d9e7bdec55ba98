"""Rounding and scaling: what the pictures and tables of the chapter show, against closed forms and the exact codec."""

import numpy as np
import pytest
import torch

from repro import exercises
from repro.exhibits import Figure
from repro.experiments import rounding
from repro.fakequant import fake_quantize
from repro.fakequant.scales import abs_max
from repro.formats import Minifloat, catalogue, parse

FIGURES = (rounding.staircase, rounding.half_up_drift, rounding.moved_grids, rounding.channels,
           rounding.error_against_scale, rounding.straight_through)


@pytest.mark.parametrize("draw", FIGURES, ids=lambda draw: draw.__name__)
def test_figures_draw_the_same_bytes_twice_and_say_what_they_show(draw):
    shown = draw()
    assert isinstance(shown, Figure) and len(shown.alt) > 60 and len(shown.caption) > 60
    assert shown.svg() == draw().svg()


def line(figure: Figure, label: str, axis: int = 0) -> np.ndarray:
    return next(np.asarray(line.get_ydata()) for line in figure.figure.axes[axis].lines if line.get_label() == label)


@pytest.mark.parametrize("shift", [1, 2, 5])
def test_half_up_drifts_by_half_a_step_for_every_tie_and_half_to_even_does_not(shift):
    shown = rounding.half_up_drift(shift, bits=10)
    ties = 2**10 / 2**shift
    assert line(shown, "half up")[-1] == ties / 2
    assert line(shown, "half to even")[-1] == 0


def test_staircase_marks_every_tie_at_its_even_code():
    shown = rounding.staircase(("E2M1",))
    ties = next(line for line in shown.figure.axes[0].lines if line.get_marker() == "o")
    codes = parse("E2M1").encode(ties.get_ydata())
    assert len(codes) == 14 and (codes % 2 == 0).all()


def test_the_weights_are_the_sixteen_depthwise_layers():
    weights = rounding.depthwise_weights()
    assert len(weights) == 16 and all(weight.shape[1] == 1 and weight.shape[2] in (3, 5) for weight in weights.values())
    assert rounding.LAYER in weights


def test_channel_gain_is_what_the_codec_gives_by_hand():
    gain = rounding.channel_gain().set_index(["layer", "format"])
    weight = rounding.depthwise_weights()[rounding.LAYER].double().numpy()
    for name, largest in (("INT8", 128), ("E4M3", 480)):
        for column, top in (("tensor", abs(weight).max()), ("channel", abs(weight).max(axis=(1, 2, 3), keepdims=True))):
            scale = top / largest
            noise = parse(name).round(weight / scale) * scale - weight
            expected = 10 * np.log10((weight**2).sum() / (noise**2).sum())
            assert gain.loc[(rounding.LAYER, name), column] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("name", ["INT4", "INT8", "E2M1", "E4M3", "UINT4"])
@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0, 2.0])
def test_clipping_and_rounding_add_up_and_are_what_they_say(name, fraction):
    x, fmt = rounding.heavy_tailed(3000), parse(name)
    scale = abs_max(x, fmt) * fraction
    clipping, rest = rounding.split_error(x, fmt, scale)
    exact = x.double().numpy()
    ends = exact.clip(fmt.min * scale.item(), fmt.max * scale.item())
    assert clipping == pytest.approx(((exact - ends) ** 2).mean(), rel=1e-4, abs=1e-12)
    rounded = fmt.round(ends / scale.item()) * scale.item()
    assert rest == pytest.approx(((rounded - ends) ** 2).mean(), rel=1e-4)


def test_heavy_tailed_is_student_t_with_four_degrees_of_freedom():
    stats = pytest.importorskip("scipy.stats")
    assert stats.kstest(rounding.heavy_tailed().numpy(), stats.t(4).cdf).pvalue > 0.01
    assert stats.kstest(rounding.heavy_tailed().numpy(), stats.norm.cdf).pvalue < 1e-6


def test_decibels_of_a_known_error():
    x = torch.ones(1000)
    assert rounding.decibels(x, x * 0.99) == pytest.approx(40, abs=1e-3)
    assert rounding.decibels(x, x) == float("inf")


def test_the_formula_of_the_paper_is_the_codec():
    verdict = rounding.formula_is_the_codec()
    minifloats = [fmt for fmt in catalogue() if isinstance(fmt, Minifloat)]
    asked = sum(3 * (2 * len(fmt.values()) + 1) for fmt in minifloats)
    assert verdict.verdict == "reproduced" and f"{asked:,} of {asked:,}" in verdict.evidence


def test_the_verdict_sees_a_quantizer_that_rounds_half_up(monkeypatch):
    monkeypatch.setattr(rounding, "fake_quantize", lambda x, fmt, scale: fake_quantize(x * (1 + 1e-6), fmt, scale))
    assert rounding.formula_is_the_codec().verdict == "not reproduced"


def test_gradients_agree_where_they_vanish_and_brevitas_gives_q_over_v():
    x = torch.linspace(-10, 10, 4001)
    for name in ("INT4", "E2M1", "E3M2"):
        fmt = parse(name)
        y, ours = rounding.gradient(lambda t, fmt=fmt: fake_quantize(t, fmt, 1.0), x)
        y_brevitas, theirs = rounding.gradient(rounding.brevitas_quantizer(fmt, max(fmt.max, -fmt.min)), x)
        assert torch.equal(y, y_brevitas) and torch.equal(ours == 0, theirs == 0)
        expected = ours.clone()
        if fmt.kind == "minifloat":
            normal = (ours > 0) & (x.abs() >= fmt.min_normal)
            expected[normal] = (y / x)[normal]
        assert torch.allclose(theirs, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["E4M3", "E2M1", "E3M2B5"])
def test_anatomy_names_every_piece_of_brevitas_quantizer_with_the_numbers_of_the_format(name):
    fmt = parse(name)
    quantizer = rounding.brevitas_quantizer(fmt, 6.0).act_quant.fused_activation_quant_proxy.tensor_quant
    assert set(rounding.PIECES) == {piece for piece, _ in quantizer.named_children()}
    returned = rounding.anatomy(quantizer).frame.set_index("piece")["returns"]
    assert returned["exponent_bit_width_impl"] == fmt.exponent_bits
    assert returned["mantissa_bit_width_impl"] == fmt.mantissa_bits
    assert returned["exponent_bias_impl"] == fmt.bias
    assert returned["float_scaling_impl"] == fmt.max
    assert returned["scaling_impl"] == pytest.approx(6 / fmt.max)
    assert returned["compute_max_mantissa"] == 2 - 2.0**-fmt.mantissa_bits


def test_choices_table_holds_every_format_and_choice():
    frame = rounding.choices_table().frame
    assert len(frame) == len(rounding.FORMATS) * len(rounding.CHOICES)
    best = frame.groupby("format")["SQNR, dB"].idxmax()
    assert set(frame.loc[best, "choice"]) == {"least error"}
    percentile = frame[frame["choice"] == "percentile"]["clipping, % of the error"]
    x = rounding.heavy_tailed()
    ratio = float(np.sort(abs(x.numpy()))[int(0.999 * len(x)) - 1] / abs(x.numpy()).max())
    assert frame[frame["choice"] == "percentile"]["scale / abs-max scale"].to_numpy() == pytest.approx(ratio, rel=1e-5)
    assert (percentile > 0).all()


@pytest.mark.parametrize(("label", "right", "wrong"), [
    ("ex-ties", [1.0, 2.0, -1.0, 6.0], [1.5, 3.0, -0.5, 6.0]),
    ("ex-shift", 1 / 16, 0.0),
    ("ex-power", 5, 1),
    ("ex-clip", [99.99, 100], [99.9, 99.9]),
])
def test_exercises_know_right_from_wrong(label, right, wrong):
    assert exercises.check(label, right)
    assert not exercises.check(label, wrong)
