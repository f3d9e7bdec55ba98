"""Whatever way a network is written: quantized it is close to the float one, or it is refused with names."""

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from repro.formats import Integer, parse
from repro.ptq import Recipe, freeze, plan, quantize
from repro.ptq.batch_norm import merge_batch_norm
from odd_networks import NETWORKS, REFUSED, Net, conv, image, ready


def build(name):
    torch.manual_seed(sum(map(ord, name)))
    net, inputs = NETWORKS[name]() if name in NETWORKS else REFUSED[name][0]()
    with torch.no_grad():
        return ready(net), inputs


@torch.no_grad()
def run(net, inputs) -> torch.Tensor:
    """All floating-point outputs in one row."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    found = net(*(x.clone() for x in inputs))
    return torch.cat([leaf.flatten() for leaf in tree_leaves(found) if torch.is_tensor(leaf) and leaf.is_floating_point()])


def error(approximation, exact) -> float:
    return ((approximation - exact).norm() / exact.norm()).item()


def test_there_are_at_least_forty_odd_networks():
    assert len(NETWORKS) + len(REFUSED) >= 40


@pytest.mark.parametrize("name", NETWORKS)
def test_odd_networks_are_quantized_whole_and_stay_close(name):
    net, inputs = build(name)
    exact = run(net, inputs)
    assert error(run(merge_batch_norm(net, inputs), inputs), exact) < 1e-5
    sixteen = quantize(net, Recipe(parse("INT16"), parse("INT16"), (parse("INT16"), parse("INT16"))), inputs)
    assert error(run(sixteen, inputs), exact) < 1e-3  # a wrong scale, sign or layer costs far more
    for fmt in ("INT8", "E3M4"):
        quantized = quantize(net, Recipe.for_format(parse(fmt), unsigned_activations=True), inputs)
        assert 0 < error(run(quantized, inputs), exact) < 0.1
        assert torch.equal(run(freeze(quantized), inputs), run(quantized, inputs))
    assert torch.equal(run(net, inputs), exact)  # the given network is as it was


@pytest.mark.parametrize("name", NETWORKS)
def test_all_that_multiplies_is_in_the_plan(name):
    """Against PyTorch's own counter: what the plan's layers multiply is all that the network multiplies."""
    net, inputs = build(name)
    lines = plan(net, Recipe.for_format(Integer(8)), inputs).layers
    graph = merge_batch_norm(net, inputs)
    counter = FlopCounterMode(display=False)
    with counter:
        run(graph, inputs)
    counts = {path.partition(".")[2]: sum(by.values()) for path, by in counter.get_flop_counts().items()}
    planned = {line.name for line in lines if line.multiplies}
    assert planned and not any(line.in_float for line in lines)
    assert sum(counts.get(name, 0) for name in planned) == counter.get_total_flops() > 0


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_stay_in_float_is_refused_by_name_unless_allowed(name):
    net, inputs = build(name)
    names, recipe = REFUSED[name][1], Recipe.for_format(Integer(8))
    assert tuple(line.name for line in plan(net, recipe, inputs).layers if line.in_float) == names
    with pytest.raises(ValueError, match="would multiply in float") as refusal:
        quantize(net, recipe, inputs)
    assert all(repr(each) in str(refusal.value) for each in names)
    quantized = quantize(net, recipe, inputs, allow_float=names)
    assert error(run(quantized, inputs), run(net, inputs)) < 0.1


def test_a_pattern_allows_several_and_a_name_that_allows_nothing_is_refused():
    net, inputs = build("attention_by_hand")
    recipe = Recipe.for_format(Integer(8))
    assert error(run(quantize(net, recipe, inputs, allow_float="matmul*"), inputs), run(net, inputs)) < 0.1
    with pytest.raises(ValueError, match="'qkv'.*nothing of that name stays in float"):
        quantize(net, recipe, inputs, allow_float=("matmul*", "qkv"))


@pytest.mark.parametrize("name, edges", [
    ("containers_against_the_order", {"io.stem", "io.head"}),
    ("two_towers", {"a", "b", "z"}),
    ("two_heads", {"stem", "first", "second"}),
    ("heads_in_one_tensor", {"stem", "first", "second"}),
    ("sizes_of_the_input_far_inside", {"a", "z"}),
    ("input_concatenated_again", {"a", "z"}),
    ("layer_called_with_both_signs", {"a", "z"}),
    ("siamese_towers", {"a", "z"}),
    ("single_layer", {"0"}),
    ("self_attention", {"mha", "z"}),
    ("result_written_in_place", {"a", "z"}),
    ("masked_layers_and_shapes_of_the_input", {"m1", "z"}),
])
def test_the_edges_are_what_sees_an_input_or_reaches_an_output(name, edges):
    net, inputs = build(name)
    lines = plan(net, Recipe.for_format(Integer(4)), inputs).layers
    assert {line.name for line in lines if line.activations == Integer(8)} == edges
    assert all((line.note == "edge") == (line.name in edges) for line in lines)


@pytest.mark.parametrize("name, merged", [
    ("one_layer_two_norms", False), ("layer_called_again_without_norm", False), ("one_norm_two_layers", False),
    ("norm_along_the_sequence", False), ("norm_behind_a_linear_layer", True), ("norm_without_affine", True),
    ("norm_without_statistics", False), ("norm_twice", True), ("norm_in_front", False), ("norm_and_the_layer_before_both_used", False),
    ("norm_behind_a_transposed_convolution", True), ("transposed_convolution_in_groups", False),
    ("norm_behind_tied_weights", True), ("depthwise_then_norm", True), ("one_dimension", True), ("three_dimensions", True),
])
def test_batch_norm_is_merged_where_nothing_is_in_the_way_and_the_plan_says_why_not(name, merged):
    net, inputs = build(name)
    notes = [line.note for line in plan(net, Recipe.for_format(Integer(8)), inputs).layers if "BatchNorm" in line.kind]
    assert bool(notes) != merged
    assert all(note.startswith("not merged: ") and len(note) > 20 for note in notes)


@torch.no_grad()
def test_inference_mode_hides_nothing():
    net, inputs = build("functional_attention")
    recipe = Recipe.for_format(Integer(8))
    with torch.inference_mode():
        assert str(plan(net, recipe, inputs)) == str(plan(net, recipe, inputs.clone()))
        assert len(plan(net, recipe, inputs).layers) == 3


def test_a_layer_called_twice_has_the_scale_of_its_largest_input():
    net, inputs = build("layer_called_twice_at_two_sizes")
    quantized = quantize(net, Recipe.for_format(Integer(8)), inputs)
    assert quantized.a.input_quant.scale().item() == pytest.approx(10 * inputs.abs().max().item() / 128, rel=1e-6)


def test_a_layer_called_with_both_signs_keeps_its_sign():
    net, inputs = build("layer_called_with_both_signs")
    recipe = Recipe.for_format(Integer(4), unsigned_activations=True)
    assert {line.name: line.activations for line in plan(net, recipe, inputs).layers}["sh"] == Integer(4)


def test_a_printed_plan_names_every_layer_its_formats_and_its_reason():
    net, inputs = build("one_layer_two_norms")
    printed = str(plan(net, Recipe.for_format(parse("E2M1")), inputs))
    assert printed.splitlines()[0].split() == ["layer", "kind", "calls", "weights", "activations"]
    assert [line.split()[:5] for line in printed.splitlines()[1:]] == [
        ["c", "Conv2d", "2", "E3M4", "E3M4"], ["b1", "BatchNorm2d", "1", "-", "-"],
        ["b2", "BatchNorm2d", "1", "-", "-"], ["d", "Conv2d", "1", "E3M4", "E3M4"]]
    assert printed.count("not merged: c is called 2 times") == 2


class _Branch(nn.Module):
    """Its graph keeps the branch that a stand-in took."""

    def __init__(self):
        super().__init__()
        self.a, self.z = nn.Linear(8, 8), nn.Linear(8, 4)

    def forward(self, x):
        return self.z(self.a(x) * (2.0 if torch.is_tensor(x) and type(x) is torch.Tensor else 1.0))


def _twice_quantized():
    net, inputs = build("single_layer")
    return quantize(net, Recipe.for_format(Integer(8)), inputs), inputs


def _frozen():
    quantized, inputs = _twice_quantized()
    return freeze(quantized), inputs


def _hooked_activation():
    net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
    net[1].register_forward_hook(lambda module, args, output: 2 * output)
    return net, torch.randn(4, 8)


def _hooked():
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 4))
    net[1].register_forward_hook(lambda module, args, output: 2 * output)
    return net, torch.randn(4, 8)


@pytest.mark.parametrize("make, message", [
    (lambda: (_Branch(), torch.randn(4, 8)), "moves an output by .*%: its forward does something that torch.fx does not see"),
    (lambda: (Net(lambda n, x: n.a(x) if x.sum() > 0 else x, a=nn.Linear(8, 4)), torch.ones(4, 8)), "torch.fx cannot trace Net"),
    (_twice_quantized, "is quantized already"),
    (_frozen, "is quantized already"),
    (lambda: (nn.Linear(8, 4), {"x": torch.ones(4, 8)}), "calibration is a tensor, or a tuple with one for each input"),
    (lambda: (nn.Sequential(nn.LazyLinear(4)), torch.ones(4, 8)), "0 has no weights yet: run the network once first"),
    (_hooked, "1 has forward hooks, which a quantized layer would lose"),
    (_hooked_activation, "1 has forward hooks, which a quantized layer would lose"),
    (lambda: (torch.nn.utils.weight_norm(conv()), image()), "older weight norm"),
    (lambda: (nn.Linear(8, 4), torch.randn(4, 7)), "does not run on the calibration batch of shape .4, 7."),
    (lambda: (nn.Sequential(nn.Linear(8, 4), nn.Flatten()), (torch.randn(4, 8), torch.randn(4, 8))), "does not run on the calibration"),
    (lambda: (Net(lambda n, x: n.a(x) / 0, a=nn.Linear(8, 4)), torch.randn(4, 8)), "gives NaN or infinity on the calibration batch"),
    (lambda: (Net(lambda n, x: n.a(x).argmax(1), a=nn.Linear(8, 4)), torch.randn(4, 8)), "no floating-point tensor"),
])
def test_networks_that_cannot_be_followed_are_refused_in_one_line(make, message):
    net, inputs = make()
    with pytest.raises(ValueError, match=message) as refusal:
        quantize(net.eval(), Recipe.for_format(Integer(8)), inputs)
    assert "\n" not in str(refusal.value)
