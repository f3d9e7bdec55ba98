"""`fake_quantize` against the exact codec and other libraries: every type, every memory layout, eager and compiled."""

import itertools
import math
import warnings
from fractions import Fraction

import brevitas.nn as qnn
import ml_dtypes
import numpy as np
import pytest
import torch
from brevitas.graph.calibrate import calibration_mode
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import forward_ad

from repro.errors import BadInput
from repro.experiments import equality
from repro.fakequant import activation_injector, compiling, fake_quantize
from repro.fakequant.scales import abs_max
from repro.formats import Integer, Minifloat, catalogue, parse

SOME = [parse(name) for name in ("E4M3", "E2M1", "E3M0", "E1M6", "E6M1B40", "INT8", "INT4N", "UINT4")]
by_name = {"ids": str}


@pytest.fixture(scope="module")
def compiler():
    """Kernels compiled from here on; skips where there is no working C++ compiler."""
    before = compiling._State.elements
    try:
        compiling.compile_now()
    except RuntimeError as error:
        pytest.skip(f"torch.compile does not work on this machine: {error.__cause__}")
    yield
    compiling._State.elements = before


def rounded(x: np.ndarray, fmt, scale) -> np.ndarray:
    """The oracle: division and product in the type of the array, rounding by the exact codec; NaN stays."""
    scale = np.asarray(scale, x.dtype)
    with np.errstate(all="ignore"):
        v = x / scale
        known = fmt.round(np.nan_to_num(v, nan=0, posinf=np.inf, neginf=-np.inf)).astype(x.dtype) * scale
    return np.where(np.isnan(v), v, known)


def assert_same_bits(found: torch.Tensor, wanted: np.ndarray) -> None:
    assert found.dtype == torch.from_numpy(wanted).dtype and found.shape == wanted.shape
    integers = {4: np.int32, 8: np.int64}[wanted.itemsize]
    numbers = ~np.isnan(wanted)
    assert np.array_equal(np.isnan(found.numpy()), ~numbers)
    assert np.array_equal(np.ascontiguousarray(found.numpy()).view(integers)[numbers],
                          np.ascontiguousarray(wanted).view(integers)[numbers])


def all_rows():
    rows = []
    for point in equality.EXPERIMENT.grid("laptop"):
        rows += equality.EXPERIMENT.compute([point], "laptop")
    return rows


def assert_all_equal(rows):
    assert [row for row in rows if row["different"]] == []
    formats = {row["format"] for row in rows}
    assert {fmt.name for fmt in catalogue()} < formats
    # e in 1..6 and m in 0..6, at most 9 bits: 32 formats, three biases each, one more of ml_dtypes; 6 widths of 3 integers
    assert len(formats) == 32 * 3 + 1 + 6 * 3
    assert {fmt.name for fmt in catalogue()} <= {row["format"] for row in rows if row["implementation"] == "Brevitas"}
    for row in rows:
        values = len(parse(row["format"]).values())
        each = {"fake_quantize float32": 2, "fake_quantize float64": 2}.get(row["implementation"])
        if each:  # values, midpoints, two thresholds; on either side of each; ten more; all of it at two scales
            assert row["compared"] == each * (3 * (values + values - 1 + 2) + 10)


def test_every_format_equals_the_codec_and_the_libraries_bit_for_bit():
    with compiling.eager():
        assert_all_equal(all_rows())


def test_compiled_gives_the_same_bits_for_every_format_and_stays_compiled(compiler):
    """115 formats in two types in one process: torch compiles a function eight times, then gives up."""
    graphs = torch._dynamo.utils.counters["stats"]
    x = torch.zeros(2, compiling.SMALLEST)
    for dtype in (torch.float32, torch.float64):  # one compilation a kernel, type and layout, whatever the format
        for fmt in SOME:
            fake_quantize(x.to(dtype), fmt, 1.0)
            fake_quantize(x.to(dtype), fmt, torch.ones(2, 1, dtype=dtype))
    before = graphs["unique_graphs"]
    assert before >= 3 * 2 * 2
    assert_all_equal(all_rows())
    fake_quantize(torch.nn.Parameter(torch.randn(300, 400)), parse("E2M3"), torch.rand(300, 1, requires_grad=True))
    assert graphs["unique_graphs"] == before
    with torch.inference_mode():
        for fmt in catalogue():
            fake_quantize(torch.randn(400, 300), fmt, 0.1)
    assert graphs["unique_graphs"] <= before + 2
    assert compiling._State.failure is None


def layouts() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, 12, 20, 24, generator=generator) * 3
    return {
        "contiguous": x, "channels last": x.to(memory_format=torch.channels_last), "transposed": x.transpose(0, 3),
        "every second": x[:, :, ::2, ::3], "reversed order": x.permute(3, 2, 1, 0), "expanded": x[:1].expand(8, 12, 20, 24),
        "inner slice": x[:, 3:7], "one element": x[:1, :1, :1, :1], "0-d": x[0, 0, 0, 0], "empty": x[:0],
    }


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("layout", list(layouts()))
@pytest.mark.parametrize("fmt", SOME, **by_name)
def test_any_strides_and_any_scales(fmt, layout, compiled, request):
    if compiled:
        request.getfixturevalue("compiler")
    x = layouts()[layout]
    scales = [torch.tensor(0.11)]
    if x.dim() == 4:
        scales += [torch.rand([size if d == axis else 1 for d, size in enumerate(x.shape)],
                              generator=torch.Generator().manual_seed(axis)) + 0.01 for axis in range(4)]
        scales.append(torch.rand(x.shape[1], 1, x.shape[3], generator=torch.Generator().manual_seed(9)) + 0.01)
    for scale in scales:
        found = fake_quantize(x, fmt, scale)
        assert_same_bits(found, rounded(x.numpy(), fmt, scale.numpy()))
        dense = torch.empty_like(x)
        assert found.numel() == 0 or found.stride() == dense.stride() or layout in ("expanded", "one element")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("fmt", SOME, **by_name)
def test_specials(fmt, dtype):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, np.finfo(dtype).smallest_subnormal, -np.finfo(dtype).tiny], dtype)
    found = fake_quantize(torch.from_numpy(x), fmt, 2.0).numpy()
    assert np.isnan(found[0])
    assert (found[1], found[2]) == (2 * fmt.max, 2 * fmt.min)
    signed_zero = fmt.kind == "minifloat"
    assert np.array_equal(np.signbit(found[3:]), [False, signed_zero, False, signed_zero])
    assert not found[3:].any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("fmt", SOME, **by_name)
def test_half_precision_is_computed_in_float32_and_rounded_once(fmt, dtype):
    x = torch.arange(2**16, dtype=torch.int32).to(torch.int16).view(dtype)
    x = x[~x.isnan()]
    scale = torch.tensor(0.3, dtype=dtype)
    wanted = torch.from_numpy(rounded(x.float().numpy(), fmt, scale.float().numpy())).to(dtype)
    assert torch.equal(fake_quantize(x, fmt, scale).view(torch.int16), wanted.view(torch.int16))


@pytest.mark.parametrize("fmt", [Minifloat(8, 1), Minifloat(8, 7), Minifloat(4, 3, bias=120), Minifloat(5, 2, bias=-90)], **by_name)
def test_formats_beyond_float32_are_computed_in_float64(fmt):
    x = np.concatenate([fmt.values(), fmt.values() * 1.01]).astype(np.float32)
    x = x[np.isfinite(x)]
    wanted = fmt.round(x.astype(np.float64)).astype(np.float32)
    assert_same_bits(fake_quantize(torch.from_numpy(x), fmt, 1.0), wanted)


@given(st.lists(st.floats(width=32), max_size=20), st.floats(2**-60, 2**60, width=32), st.sampled_from(catalogue()))
def test_any_numbers_any_scale(numbers, scale, fmt):
    x = np.array(numbers, np.float32)
    assert_same_bits(fake_quantize(torch.from_numpy(x), fmt, scale), rounded(x, fmt, np.float32(scale)))


@given(st.lists(st.floats(allow_nan=False), max_size=20), st.floats(2**-300, 2**300), st.sampled_from(catalogue()))
def test_any_double_precision_numbers(numbers, scale, fmt):
    x = np.array(numbers, np.float64)
    assert_same_bits(fake_quantize(torch.from_numpy(x), fmt, scale), rounded(x, fmt, scale))


def wider(fmt):
    """The same grid with room above: what rounding gives before it is clipped."""
    if isinstance(fmt, Integer):
        return Integer(16)
    return Minifloat(fmt.exponent_bits + 1, fmt.mantissa_bits, fmt.bias)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("fmt", [*catalogue(), *SOME], **by_name)
def test_gradient_passes_where_rounding_stays_inside(fmt, dtype):
    probes = equality.probes(fmt, np.float64 if dtype == torch.float64 else np.float32)
    beyond = np.nextafter(fmt.max * np.array([1.5, 1.5, 1.5, 2], probes.dtype), np.array([0, 2, 3, 3], probes.dtype) * fmt.max)
    probes = np.concatenate([probes[np.abs(probes) < 2.5 * fmt.max], beyond, -beyond, [fmt.max * probes.dtype.type(1.5)]])
    x = torch.from_numpy(probes).to(dtype).requires_grad_()
    fake_quantize(x, fmt, 1.0).sum().backward()
    unclipped = wider(fmt).round(x.detach().double().numpy())
    inside = (unclipped >= fmt.min) & (unclipped <= fmt.max)
    assert np.array_equal(x.grad.float().numpy(), inside.astype(np.float32))
    assert 0 < inside.sum() < inside.size


@pytest.mark.parametrize("fmt", [parse(name) for name in ("INT8", "INT3", "INT5N", "UINT8")], **by_name)
def test_gradients_of_integers_equal_brevitas(fmt):
    """Of the tensor and of the scale. (For minifloats Brevitas differentiates its power-of-two step too: the next test.)"""
    x = torch.randn(4000, generator=torch.Generator().manual_seed(3)) * 4
    layer = qnn.QuantIdentity(act_quant=activation_injector(fmt))
    with calibration_mode(layer), torch.no_grad():
        layer(x / 3)  # so that a third of the range saturates
    theirs = x.clone().requires_grad_()
    weight = torch.linspace(-1, 2, x.numel())
    (layer.eval()(theirs) * weight).sum().backward()
    ours = x.clone().requires_grad_()
    scale = layer.act_quant.scale().detach().requires_grad_()
    (fake_quantize(ours, fmt, scale) * weight).sum().backward()
    assert torch.equal(ours.grad == 0, theirs.grad == 0)  # Brevitas multiplies by the scale and divides: one bit may differ
    assert torch.allclose(ours.grad, theirs.grad, rtol=3e-7, atol=0)
    largest = max(fmt.max, -fmt.min)
    (of_threshold,) = (p.grad for p in layer.parameters())
    assert of_threshold.item() == pytest.approx(scale.grad.item() / largest, rel=1e-4)


def test_brevitas_gradient_of_minifloats_is_value_over_input():
    """Its step 2**floor(log2 |v|) is differentiated as if floor were the identity: the gradient is round(v) / v, not 1."""
    fmt = parse("E4M3")
    layer = qnn.QuantIdentity(act_quant=activation_injector(fmt))
    with calibration_mode(layer), torch.no_grad():
        layer(torch.tensor([fmt.max]))
    x = torch.linspace(1.0, 400.0, 5000, requires_grad=True)
    layer.eval()(x).sum().backward()
    v = x.detach()
    expected = torch.from_numpy(fmt.round(v.double().numpy())).float() / v
    assert torch.allclose(x.grad, expected, rtol=1e-5)
    assert (x.grad - 1).abs().max() > 0.05


def test_gradient_of_a_scale_a_channel():
    fmt, generator = parse("E3M2"), torch.Generator().manual_seed(5)
    x, weight = torch.randn(6, 50, generator=generator), torch.randn(6, 50, generator=generator)
    scale = (torch.rand(6, 1, generator=generator) * 0.2 + 0.01).requires_grad_()
    (fake_quantize(x, fmt, scale) * weight).sum().backward()
    v = (x / scale.detach()).double().numpy()
    unclipped = wider(fmt).round(v)
    slope = fmt.round(v) - np.where(np.abs(unclipped) <= fmt.max, v, 0)
    expected = (weight.double().numpy() * slope).sum(axis=1, keepdims=True)
    assert scale.grad.shape == scale.shape
    assert np.allclose(scale.grad.numpy(), expected, rtol=1e-4, atol=1e-4)


def test_nothing_is_written_to_the_input():
    x = torch.linspace(-3, 3, 50_000)
    before = x.clone()
    fake_quantize(x, parse("E2M1"), 0.1)
    assert torch.equal(x, before)


@pytest.mark.parametrize(("x", "scale", "message"), [
    (torch.ones(3, dtype=torch.int32), 1.0, "cannot quantize a tensor of torch.int32"),
    (np.ones(3), 1.0, "needs a torch tensor, not ndarray"),
    (torch.ones(3), 0.0, "must be positive and finite in torch.float32, not 0"),
    (torch.ones(3), 1e-60, "must be positive and finite in torch.float32, not 1e-60"),
    (torch.ones(3), torch.tensor(1e60, dtype=torch.float64), "must be positive and finite in torch.float32, not 1e\\+60"),
    (torch.ones(3), float("nan"), "must be positive and finite in torch.float32, not nan"),
    (torch.ones(2, 3), torch.tensor([[1.0], [-2.0]]), "must be positive and finite in torch.float32, not -2"),
    (torch.ones(3), 10**400, "must be positive and finite in torch.float32, not inf"),
    (torch.ones(3), -(10**400), "must be positive and finite in torch.float32, not -inf"),
    (torch.ones(3), True, "a scale is a number or a real tensor, not bool"),
    (torch.ones(3), torch.tensor(True), "a scale is a number or a real tensor, not a tensor of torch.bool"),
    (torch.ones(3), np.timedelta64(1), "a scale is a number or a real tensor, not timedelta64"),
    (torch.ones(3), np.complex64(1), "a scale is a number or a real tensor, not complex64"),
    (torch.ones(3), "0.1", "a scale is a number or a real tensor, not str"),
    (torch.ones(3), np.ones(3), "a scale is a number or a real tensor, not ndarray"),
    (torch.ones(3), torch.tensor(1j), "a scale is a number or a real tensor"),
    (torch.ones(2, 3), torch.ones(2), r"a scale of shape \(2,\) does not fit a tensor of shape \(2, 3\)"),
    (torch.ones(3), torch.ones(2, 3), r"a scale of shape \(2, 3\) does not fit a tensor of shape \(3,\)"),
])
def test_bad_input_gets_one_line(x, scale, message):
    with pytest.raises(ValueError, match=message) as error:
        fake_quantize(x, parse("E4M3"), scale)
    assert "\n" not in str(error.value)


def edges_of_scales(kind: torch.dtype) -> list[float]:
    """About zero and about the largest number of a type: accepted, refused, and the last of either."""
    limits = torch.finfo(kind)
    smallest, largest = limits.smallest_normal * limits.eps, limits.max
    beyond = largest + largest * limits.eps / 4 if kind == torch.float32 else math.inf
    return [0.0, -0.0, -1.0, smallest, smallest / 2, math.nextafter(smallest / 2, 1), smallest * 0.75, limits.smallest_normal,
            1.0, 1e-45, 1e-60, 1e60, largest, math.nextafter(largest, math.inf), beyond, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_a_scale_counts_by_its_value_and_not_by_what_holds_it(kind):
    """Python, NumPy and torch numbers, 0-d arrays, tensors of one element: all are accepted, to the same bits, or all refused."""
    x, fmt = torch.tensor([0.3, -7.0, 1e-40], dtype=kind), parse("E4M3")

    def outcome(scale):
        try:
            return fake_quantize(x, fmt, scale).numpy().tobytes()
        except BadInput as refusal:
            assert "\n" not in str(refusal)
            return "refused"

    accepted = 0
    for value in edges_of_scales(kind):
        wanted = outcome(torch.tensor(value, dtype=torch.float64))
        with np.errstate(over="ignore"):
            number = torch.tensor(value, dtype=torch.float64).to(kind).item()
        assert (wanted == "refused") == (not 0 < number < math.inf)
        accepted += wanted != "refused"
        holders = [value, np.float64(value), np.array(value), torch.tensor([value], dtype=torch.float64), np.longdouble(value)]
        if math.isfinite(value):
            holders.append(Fraction(value))
        assert [outcome(holder) for holder in holders] == [wanted] * len(holders), value
    assert 5 <= accepted <= 9


NUMBERS = [np.int8, np.uint8, np.int64, np.uint64, np.float16, np.float32, np.float64, np.longdouble, ml_dtypes.bfloat16,
           ml_dtypes.float8_e5m2, int, float, Fraction]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.__name__)
def test_numbers_of_every_library_are_scales(number):
    x, fmt = torch.linspace(-900, 900, 101), parse("INT8")
    for value in (2, 96):
        for scale in (number(value), *([np.array(number(value))] if isinstance(number(value), np.generic) else [])):
            assert torch.equal(fake_quantize(x, fmt, scale), fake_quantize(x, fmt, float(value)))
    for scale in (number(0), *([number(-1)] if number not in (np.uint8, np.uint64) else [])):
        with pytest.raises(BadInput, match="must be positive and finite in torch.float32, not (0|-1)"):
            fake_quantize(x, fmt, scale)


def test_a_name_is_no_format():
    with pytest.raises(ValueError, match=r"'E4M3' is no format: write parse\('E4M3'\)"):
        fake_quantize(torch.ones(3), "E4M3", 1.0)


def test_inside_the_callers_own_transforms(compiler):
    fmt, x = parse("E4M3"), torch.randn(4, 2 * compiling.SMALLEST, generator=torch.Generator().manual_seed(7))
    expected = fake_quantize(x, fmt, 0.1)
    assert torch.equal(torch.vmap(lambda row: fake_quantize(row, fmt, 0.1))(x), expected)
    slope = torch.func.grad(lambda t: fake_quantize(t, fmt, 0.1).sum())(torch.tensor([1.0, 100.0]))
    assert slope.tolist() == [1.0, 0.0]
    own = torch.compile(lambda t, fmt: fake_quantize(t, fmt, 0.1) + 0, dynamic=True)
    assert torch.equal(own(x, fmt), expected)
    assert compiling._State.failure is None


WAYS = {"scalar": 0.1, "0-d": torch.tensor(0.1), "a channel": torch.tensor([[0.1], [0.4], [0.003]])}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fmt", [*SOME, parse("E8M7")], **by_name)
def test_forward_mode_gives_what_reverse_mode_gives(fmt, way, dtype):
    """The derivative by x is one or zero as documented; second derivatives are zero in every order of the two modes."""
    x = (torch.randn(3, 7, generator=torch.Generator().manual_seed(8)) * 10 ** torch.linspace(-2, 2, 7)).to(dtype)
    scale = WAYS[way].to(torch.promote_types(dtype, torch.float32)) if way != "scalar" else WAYS[way]
    slope = torch.randn(3, 7, generator=torch.Generator().manual_seed(9)).to(dtype)
    of_x = torch.func.jvp(lambda t: fake_quantize(t, fmt, scale), (x,), (slope,))
    (backwards,) = torch.func.vjp(lambda t: fake_quantize(t, fmt, scale), x)[1](slope)
    assert torch.equal(of_x[0], fake_quantize(x, fmt, scale)) and of_x[1].dtype == dtype
    assert torch.equal(of_x[1], backwards)
    assert torch.equal(of_x[1] != 0, of_x[1] == slope) and (of_x[1] != 0).any()
    if isinstance(scale, torch.Tensor) and dtype != torch.bfloat16:  # there the types of the two derivatives differ
        by_scale = {mode: mode(lambda s: fake_quantize(x, fmt, s))(scale) for mode in (torch.func.jacfwd, torch.func.jacrev)}
        assert torch.equal(by_scale[torch.func.jacfwd], by_scale[torch.func.jacrev]) and by_scale[torch.func.jacfwd].any()
        for outer, inner in itertools.product(by_scale, repeat=2):
            for first, second in itertools.product((0, 1), repeat=2):
                assert not outer(inner(lambda t, s: fake_quantize(t, fmt, s), first), second)(x[:, :2], scale).any()


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_dual_numbers(compiled, request):
    """Forward mode without torch.func: for tensors that compiled kernels take, under no_grad, and that require a gradient."""
    if compiled:
        request.getfixturevalue("compiler")
    fmt, x = parse("INT8"), torch.linspace(-20, 20, 2 * compiling.SMALLEST)
    for requires_grad, mode in ((False, torch.enable_grad), (True, torch.enable_grad), (True, torch.no_grad)):
        with forward_ad.dual_level(), mode():
            dual = forward_ad.make_dual(x.clone().requires_grad_(requires_grad), torch.full_like(x, 3.0))
            result = fake_quantize(dual, fmt, 0.1)
            assert torch.equal(forward_ad.unpack_dual(result).primal.detach(), fake_quantize(x, fmt, 0.1))
            tangent = forward_ad.unpack_dual(result).tangent
            assert torch.equal(tangent, 3.0 * ((x / 0.1 >= -128.5) & (x / 0.1 < 127.5)))
            assert result.requires_grad == (requires_grad and mode is torch.enable_grad)


def test_vmap_over_tensors_and_scales():
    fmt, generator = parse("E3M2"), torch.Generator().manual_seed(2)
    x, scale = torch.randn(4, 5, generator=generator), torch.rand(4, generator=generator) + 0.01
    both = torch.vmap(lambda t, s: fake_quantize(t, fmt, s))(x, scale)
    assert torch.equal(both, fake_quantize(x, fmt, scale[:, None]))
    only_scales = torch.vmap(lambda t, s: fake_quantize(t, fmt, s), in_dims=(None, 0))(x, scale)
    assert torch.equal(only_scales, torch.stack([fake_quantize(x, fmt, s) for s in scale]))
    columns = torch.vmap(lambda t, s: fake_quantize(t, fmt, s), in_dims=(1, None), out_dims=1)(x, scale)
    assert torch.equal(columns, both)
    nested = torch.vmap(torch.vmap(lambda t, s: fake_quantize(t, fmt, s), in_dims=(0, None)), in_dims=(0, 0))(x, scale)
    assert torch.equal(nested, both)
    found = torch.vmap(torch.func.grad(lambda s, t: fake_quantize(t, fmt, s).square().sum()))(scale, x)
    by_hand = scale.clone().requires_grad_()
    fake_quantize(x, fmt, by_hand[:, None]).square().sum().backward()
    assert torch.allclose(found, by_hand.grad, rtol=1e-6) and found.any()
    chosen = torch.vmap(lambda t: fake_quantize(t, fmt, abs_max(t, fmt)))(x)
    assert torch.equal(chosen, fake_quantize(x, fmt, abs_max(x, fmt, dim=0)))
    with pytest.raises(BadInput, match="must be positive and finite in torch.float32, not -0"):
        torch.vmap(lambda t, s: fake_quantize(t, fmt, s))(x, torch.tensor([0.1, 0.2, -0.3, 0.4]))


def test_vmap_keeps_the_gradient_of_a_tensor_outside():
    x = torch.tensor([[1.0, 50.0], [2.0, -50.0]], requires_grad=True)
    torch.vmap(lambda row: fake_quantize(row, parse("INT8"), 0.1))(x).sum().backward()
    assert x.grad.tolist() == [[1, 0], [1, 0]]


def test_what_a_transform_computes_first_is_not_kept_for_later():
    """The constants of a format are made once; made inside a transform they were wrappers that die with it."""
    fmt = parse("E5M1B3")  # used nowhere else
    x = torch.tensor([0.33, 1.0])
    torch.func.jacfwd(lambda t: fake_quantize(t, fmt, 0.1))(x)
    assert_same_bits(fake_quantize(x, fmt, 0.1), rounded(x.numpy(), fmt, 0.1))


@pytest.mark.parametrize("name", ["grad", "grad under vmap", "jvp"])
def test_torch_compile_does_not_lose_the_derivative_inside_a_transform(name):
    fmt, x = parse("INT8"), torch.tensor([[0.33, 50.0], [1.0, -50.0]])
    def total(t):
        return fake_quantize(t, fmt, 0.1).sum()
    ways = {"grad": torch.func.grad(total), "grad under vmap": torch.vmap(torch.func.grad(total)),
            "jvp": lambda t: torch.func.jvp(lambda u: fake_quantize(u, fmt, 0.1), (t,), (torch.ones_like(t),))[1]}
    # Not the backend "eager": with any break in the graph it trips over torch.func's wrappers, and says so.
    assert torch.compile(ways[name], backend="aot_eager")(x).tolist() == [[1, 0], [1, 0]]


def test_torch_compile_takes_it_whole():
    fmt, x = parse("INT8"), torch.tensor([0.33, 50.0], requires_grad=True)
    own = torch.compile(lambda t, s: fake_quantize(t, fmt, s), backend="eager", fullgraph=True, dynamic=True)
    own(x, 0.1).sum().backward()
    assert x.grad.tolist() == [1, 0] and torch.equal(own(x.detach(), 0.2), fake_quantize(x.detach(), fmt, 0.2))


def test_without_a_compiler_everything_stays_eager_with_the_same_values(monkeypatch):
    def broken(*arguments, **options):
        raise OSError("no compiler here")

    monkeypatch.setattr(compiling._State, "elements", compiling.PATIENCE)
    monkeypatch.setattr(compiling._State, "failure", None)
    monkeypatch.setattr(compiling, "_compiled", {})
    monkeypatch.setattr(torch, "compile", broken)
    x = torch.randn(40_000, generator=torch.Generator().manual_seed(1))
    with pytest.warns(RuntimeWarning, match="stays eager, compiling failed: no compiler here"):
        first = fake_quantize(x, parse("E4M3"), 0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is said once
        second = fake_quantize(x, parse("E4M3"), 0.01)
    for found in (first, second):
        assert_same_bits(found, rounded(x.numpy(), parse("E4M3"), 0.01))
    with pytest.warns(RuntimeWarning), pytest.raises(RuntimeError, match="could not be compiled and stay eager"):
        compiling.compile_now()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("fmt", [*catalogue(), *SOME], **by_name)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_cuda_gives_the_bits_of_the_cpu(fmt, compiled):
    if compiled:
        compiling.compile_now("cuda")
    for dtype in (np.float32, np.float64):
        x = torch.from_numpy(np.resize(equality.probes(fmt, dtype), 2 * compiling.SMALLEST))
        assert torch.equal(fake_quantize(x.cuda(), fmt, 0.37).cpu().view(torch.uint8), fake_quantize(x, fmt, 0.37).view(torch.uint8))


def test_ml_dtypes_is_asked_about_every_format_it_has():
    theirs = {name for name in dir(ml_dtypes) if name.startswith("float") and not name.startswith("float8_e8m0")}
    asked = {dtype.__name__ for dtype in equality.ML_DTYPES.values()}
    assert theirs - asked == {"float8_e4m3"}  # E4M3 again, with infinities: the finite flavour reaches further
