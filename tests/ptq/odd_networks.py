"""Networks that are written in odd ways: what a quantizer that goes by looks gets wrong.

Each is a function that returns an eval-mode network and its inputs. Weights, norms and statistics are random and not close
to their defaults, so that a wrong merge, a wrong layer or a lost call shows in the outputs.
"""

import torch
import torch.nn.functional as functional
from torch import nn
from torch.nn.utils import parametrizations

NETWORKS = {}


def network(function):
    """Register: the name of the function is the name of the network."""
    NETWORKS[function.__name__] = function
    return function


class Net(nn.Module):
    """Modules by name, and a forward given as a function of the network and its input."""

    def __init__(self, run, **modules):
        super().__init__()
        for name, module in modules.items():
            setattr(self, name, module)
        self.run = run

    def forward(self, x):
        return self.run(self, x)


class Pair(Net):
    """The same with two inputs."""

    def forward(self, x, y):
        return self.run(self, x, y)


def ready(net: nn.Module) -> nn.Module:
    """Statistics and affine parameters of norms drawn at random, in eval mode."""
    for module in net.modules():
        for name, least in (("running_mean", -1.0), ("running_var", 0.3)):
            if getattr(module, name, None) is not None:
                getattr(module, name).uniform_(least, 2.0)
        if isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)) and module.weight is not None:
            nn.init.uniform_(module.weight, 0.5, 2.0)
            nn.init.uniform_(module.bias, -1.0, 1.0)
    return net.eval()


def image(channels: int = 3, size: int = 8) -> torch.Tensor:
    return torch.randn(16, channels, size, size)


def conv(inputs: int = 3, outputs: int = 8, kernel: int = 3, **options) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, **options)


# Batch norm where merging it would change the network


@network
def one_layer_two_norms():
    """A detection head: a shared convolution, a norm for each level."""
    return Net(lambda n, x: n.d(torch.relu(n.b1(n.c(x)) + n.b2(n.c(2 * x)))), c=conv(), b1=nn.BatchNorm2d(8), b2=nn.BatchNorm2d(8),
               d=conv(8, 4)), image()


@network
def layer_called_again_without_norm():
    return Net(lambda n, x: n.d(n.b1(n.c(x)) + n.c(2 * x)), c=conv(), b1=nn.BatchNorm2d(8), d=conv(8, 4)), image()


@network
def one_norm_two_layers():
    return Net(lambda n, x: n.d(n.b(n.c1(x)) + n.b(n.c2(x))), c1=conv(), c2=conv(), b=nn.BatchNorm2d(8), d=conv(8, 4)), image()


@network
def norm_along_the_sequence():
    return Net(lambda n, x: n.out(n.b(n.c(x))), c=nn.Linear(6, 6), b=nn.BatchNorm1d(6), out=nn.Linear(6, 3)), torch.randn(32, 6, 6)


@network
def norm_behind_a_linear_layer():
    return Net(lambda n, x: n.out(torch.relu(n.b(n.c(x)))), c=nn.Linear(6, 9), b=nn.BatchNorm1d(9), out=nn.Linear(9, 3)), torch.randn(32, 6)


@network
def norm_without_affine():
    return Net(lambda n, x: n.d(n.b(n.c(x))), c=conv(), b=nn.BatchNorm2d(8, affine=False), d=conv(8, 4)), image()


@network
def norm_without_statistics():
    return Net(lambda n, x: n.d(n.b(n.c(x))), c=conv(), b=nn.BatchNorm2d(8, track_running_stats=False), d=conv(8, 4)), image()


@network
def norm_twice():
    return Net(lambda n, x: n.d(n.b2(n.b1(n.c(x)))), c=conv(), b1=nn.BatchNorm2d(8), b2=nn.BatchNorm2d(8), d=conv(8, 4)), image()


@network
def norm_in_front():
    return Net(lambda n, x: n.d(torch.relu(n.b(x))), b=nn.BatchNorm2d(3), d=conv(3, 4)), image()


@network
def norm_behind_a_residual():
    return Net(lambda n, x: n.d(n.b(n.c(x) + x)), c=conv(3, 3), b=nn.BatchNorm2d(3), d=conv(3, 4)), image()


@network
def norm_and_the_layer_before_both_used():
    def run(n, x):
        y = n.c(x)
        return n.d(n.b(y) + y)
    return Net(run, c=conv(), b=nn.BatchNorm2d(8), d=conv(8, 4)), image()


@network
def norm_behind_a_concatenation():
    return Net(lambda n, x: n.d(n.b(torch.cat((n.c1(x), n.c2(x)), 1))), c1=conv(), c2=conv(), b=nn.BatchNorm2d(16), d=conv(16, 4)), image()


@network
def norm_behind_a_concatenation_of_batches():
    return Net(lambda n, x: n.d(n.b(torch.cat((n.c1(x), n.c2(x)), 0))), c1=conv(), c2=conv(), b=nn.BatchNorm2d(8), d=conv(8, 4)), image()


@network
def norm_behind_a_transposed_convolution():
    return nn.Sequential(nn.ConvTranspose2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), conv(8, 4)), image()


@network
def norm_behind_tied_weights():
    """Two layers that share their weight tensor: merging into one must not reach the other."""
    net = Net(lambda n, x: n.d(n.b(n.c1(x)) + n.c2(x)), c1=conv(), c2=conv(), b=nn.BatchNorm2d(8), d=conv(8, 4))
    net.c2.weight, net.c2.bias = net.c1.weight, net.c1.bias
    return net, image()


@network
def depthwise_then_norm():
    return nn.Sequential(conv(6, 6, groups=6, bias=False), nn.BatchNorm2d(6), nn.ReLU6(), conv(6, 4, 1)), image(6)


@network
def other_norms():
    return nn.Sequential(conv(3, 8), nn.GroupNorm(2, 8), nn.ReLU(), conv(8, 8), nn.InstanceNorm2d(8, affine=True), nn.Flatten(),
                         nn.Linear(8 * 64, 10), nn.LayerNorm(10), nn.Linear(10, 3)), image()


# Layers that are called more than once


@network
def layer_called_twice_at_two_sizes():
    return Net(lambda n, x: n.z(n.a(x) + n.a(10 * x)), a=nn.Linear(8, 8), z=nn.Linear(8, 4)), torch.randn(64, 8)


@network
def layer_called_with_both_signs():
    return Net(lambda n, x: n.z(n.sh(torch.relu(n.sh(n.a(x))))), a=nn.Linear(8, 8), sh=nn.Linear(8, 8), z=nn.Linear(8, 4)), torch.randn(64, 8)


@network
def layer_called_in_a_loop():
    def run(n, x):
        for _ in range(4):
            x = x + torch.tanh(n.step(x))
        return n.z(x)
    return Net(run, step=nn.Linear(8, 8), z=nn.Linear(8, 4)), torch.randn(64, 8)


@network
def one_module_under_two_names():
    shared = nn.Linear(8, 8)
    return Net(lambda n, x: n.z(torch.relu(n.b(torch.relu(n.a(x))))), a=shared, b=shared, z=nn.Linear(8, 4)), torch.randn(64, 8)


@network
def siamese_towers():
    def run(n, x, y):
        return n.z(torch.cat((torch.relu(n.a(x)), torch.relu(n.a(y))), 1))
    return Pair(run, a=nn.Linear(8, 8), z=nn.Linear(16, 4)), (torch.randn(64, 8), 3 * torch.randn(64, 8))


# First and last layers


@network
def containers_against_the_order():
    def run(n, x):
        return n.io["head"](n.body(n.io["stem"](x)))
    return Net(run, io=nn.ModuleDict({"stem": conv(), "head": conv(8, 4)}),
               body=nn.Sequential(nn.ReLU(), conv(8, 8), nn.ReLU(), conv(8, 8), nn.ReLU())), image()


@network
def two_towers():
    return Pair(lambda n, x, y: n.z(torch.relu(n.m(n.a(x) + n.b(y)))), z=nn.Linear(8, 4), m=nn.Linear(8, 8), a=nn.Linear(8, 8),
               b=nn.Linear(5, 8)), (torch.randn(64, 8), torch.randn(64, 5))


@network
def two_heads():
    def run(n, x):
        y = torch.relu(n.body(torch.relu(n.stem(x))))
        return {"class": n.first(y), "box": [n.second(y)]}
    return Net(run, first=nn.Linear(8, 4), second=nn.Linear(8, 2), body=nn.Linear(8, 8), stem=nn.Linear(8, 8)), torch.randn(64, 8)


@network
def heads_in_one_tensor():
    def run(n, x):
        y = torch.relu(n.body(torch.relu(n.stem(x))))
        return torch.cat((n.first(y), n.second(y)), 1)
    return Net(run, first=nn.Linear(8, 4), second=nn.Linear(8, 2), body=nn.Linear(8, 8), stem=nn.Linear(8, 8)), torch.randn(64, 8)


@network
def sizes_of_the_input_far_inside():
    def run(n, x):
        y = torch.relu(n.b(torch.relu(n.a(x))))
        return n.z(torch.relu(n.c(y.view(x.shape[0], -1))))
    return Net(run, a=conv(), b=conv(8, 8), c=nn.Linear(8 * 64, 8), z=nn.Linear(8, 4)), image()


@network
def input_concatenated_again():
    return Net(lambda n, x: n.z(torch.cat((torch.relu(n.b(torch.relu(n.a(x)))), x), 1)), a=conv(), b=conv(8, 8), z=conv(11, 4)), image()


@network
def single_layer():
    return nn.Linear(8, 4), torch.randn(64, 8)


# Other kinds of layers


@network
def one_dimension():
    return nn.Sequential(nn.Conv1d(3, 8, 3), nn.BatchNorm1d(8), nn.ReLU(), nn.Conv1d(8, 4, 3, padding=1, padding_mode="circular")), \
        torch.randn(16, 3, 20)


@network
def three_dimensions():
    return nn.Sequential(nn.Conv3d(2, 4, 3), nn.BatchNorm3d(4), nn.ReLU(), nn.Conv3d(4, 4, 2, dilation=2)), torch.randn(4, 2, 8, 8, 8)


@network
def decoder():
    return nn.Sequential(conv(3, 8, stride=2), nn.ReLU(), nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1), nn.ReLU(),
                         nn.ConvTranspose2d(8, 3, 3, stride=1, output_padding=0)), image()


@network
def transposed_of_every_dimension():
    return nn.Sequential(nn.ConvTranspose1d(3, 4, 3, stride=2), nn.ReLU(), nn.Unflatten(1, (4, 1)), nn.ConvTranspose2d(4, 4, 3),
                         nn.ReLU(), nn.Unflatten(1, (4, 1)), nn.ConvTranspose3d(4, 2, 2)), torch.randn(4, 3, 6)


@network
def transposed_to_a_given_size():
    return Net(lambda n, x: n.up(torch.relu(n.down(x)), output_size=x.shape[2:]), down=conv(3, 8, stride=2),
               up=nn.ConvTranspose2d(8, 3, 3, stride=2, padding=1)), image()


@network
def self_attention():
    def run(n, x):
        y, _ = n.mha(x, x, x, need_weights=False)
        return n.z(x + y)
    return Net(run, mha=nn.MultiheadAttention(8, 2, batch_first=True), z=nn.Linear(8, 4)), torch.randn(16, 10, 8)


@network
def cross_attention_without_bias():
    def run(n, x, y):
        return n.z(n.mha(n.q(x), y, y)[0])
    return Pair(run, q=nn.Linear(8, 8), mha=nn.MultiheadAttention(8, 2, bias=False), z=nn.Linear(8, 4)), \
        (torch.randn(5, 16, 8), torch.randn(7, 16, 8))


@network
def attention_with_keys_of_another_size():
    def run(n, x, y):
        return n.mha(n.q(x), key=y, value=y, average_attn_weights=False)
    return Pair(run, q=nn.Linear(8, 8), mha=nn.MultiheadAttention(8, 2, kdim=6, vdim=6, add_bias_kv=True, add_zero_attn=True,
                                                                batch_first=True)), (torch.randn(16, 5, 8), torch.randn(16, 7, 6))


@network
def masked_attention():
    mask = torch.triu(torch.full((10, 10), float("-inf")), 1)
    net = Net(lambda n, x: n.z(n.mha(x, x, x, attn_mask=n.mask)[0]), mha=nn.MultiheadAttention(8, 4, batch_first=True), z=nn.Linear(8, 4))
    net.register_buffer("mask", mask)
    return net, torch.randn(16, 10, 8)


@network
def functional_attention():
    def run(n, x):
        q, k, v = n.qkv(x).unflatten(2, (3, 2, 4)).permute(2, 0, 3, 1, 4).unbind(0)
        return n.z(functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
    return Net(run, qkv=nn.Linear(8, 24), z=nn.Linear(8, 4)), torch.randn(16, 10, 8)


@network
def token_embedding():
    return Net(lambda n, x: n.z(torch.relu(n.a(n.e(x)).mean(1))), e=nn.Embedding(20, 8), a=nn.Linear(8, 8), z=nn.Linear(8, 4)), \
        torch.randint(20, (64, 7))


# Layers that are written in another way


class _Named(nn.Linear):
    """A subclass that computes what its base does."""


class _Standardized(nn.Conv2d):
    def forward(self, x):
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return functional.conv2d(x, weight, self.bias, padding=self.padding)


@network
def subclass_of_a_layer():
    return Net(lambda n, x: n.z(torch.relu(n.a(x))), a=_Named(8, 8), z=_Named(8, 4)), torch.randn(64, 8)


@network
def weight_norm():
    return nn.Sequential(parametrizations.weight_norm(conv(3, 8)), nn.ReLU(), parametrizations.spectral_norm(conv(8, 4))), image()


@network
def keyword_arguments():
    return Net(lambda n, x: n.z(input=functional.relu(input=n.a(input=x))), a=nn.Linear(8, 8), z=nn.Linear(8, 4)), torch.randn(64, 8)


@network
def functional_activations_and_slices():
    def run(n, x):
        y = functional.max_pool2d(functional.relu6(n.a(x), inplace=True), 2)[:, :, ::2, ::2]
        return n.z(functional.dropout(functional.hardtanh(n.b(y)), 0.5, n.training).mean((2, 3)))
    return Net(run, a=conv(3, 8), b=conv(8, 8), z=nn.Linear(8, 4)), image()


@network
def squeeze_and_excitation():
    def run(n, x):
        y = torch.relu(n.a(x))
        s = torch.sigmoid(n.up(torch.relu(n.down(functional.adaptive_avg_pool2d(y, 1)))))
        return n.z(y * s)
    return Net(run, a=conv(3, 8), down=nn.Conv2d(8, 2, 1), up=nn.Conv2d(2, 8, 1), z=conv(8, 4)), image()


@network
def residuals_and_a_shuffle():
    def run(n, x):
        y = torch.relu(n.b(n.a(x)))
        left, right = y.chunk(2, 1)
        y = torch.stack((left, torch.relu(n.c(right))), 2).flatten(1, 2)
        return n.z(y + functional.interpolate(n.d(functional.avg_pool2d(y, 2)), scale_factor=2))
    return Net(run, a=conv(3, 8), b=nn.BatchNorm2d(8), c=conv(4, 4, groups=4), d=conv(8, 8), z=conv(8, 4)), image()


# What a reviewer broke


class _Optional(Net):
    def forward(self, x, mask=None, times=2):
        y = torch.relu(self.a(x))
        if mask is not None:
            y = y * mask
        for _ in range(times):
            y = torch.relu(self.b(y))
        return self.z(y)


class _Norm(nn.BatchNorm2d):
    """A subclass that computes what its base does."""


class _Attention(nn.MultiheadAttention):
    """The same."""


@network
def arguments_with_defaults():
    return _Optional(None, a=nn.Linear(8, 8), b=nn.Linear(8, 8), z=nn.Linear(8, 4)), torch.randn(64, 8)


@network
def norm_by_keyword():
    return Net(lambda n, x: n.d(n.b(input=n.c(input=x))), c=conv(), b=nn.BatchNorm2d(8), d=conv(8, 4)), image()


@network
def subclasses_of_norm_and_attention():
    def run(n, x):
        y = n.b(n.c(x)).flatten(2).transpose(1, 2)
        return n.z(n.mha(y, y, y)[0])
    return Net(run, c=conv(), b=_Norm(8), mha=_Attention(8, 2, batch_first=True), z=nn.Linear(8, 4)), image()


@network
def synchronized_norm():
    return nn.Sequential(conv(), nn.SyncBatchNorm(8), nn.ReLU(), conv(8, 4)), image()


@network
def a_source_changed_behind_its_activation():
    def run(n, x):
        y = n.a(x)
        u = n.r(y)
        y.add_(1)
        return n.z(u) + n.w(y)
    return Net(run, a=nn.Linear(8, 8), r=nn.ReLU(), z=nn.Linear(8, 4), w=nn.Linear(8, 4)), torch.randn(64, 8)


@network
def weights_that_are_read():
    def run(n, x):
        return n.z(torch.relu(n.a(x.to(n.a.weight.dtype)))) * n.a.weight.norm()
    return Net(run, a=nn.Linear(8, 8), z=nn.Linear(8, 4)), torch.randn(64, 8)


@network
def norm_whose_weight_is_read():
    return Net(lambda n, x: n.d(n.b(n.c(x))) * n.b.weight.sum(), c=conv(), b=nn.BatchNorm2d(8), d=conv(8, 4)), image()


@network
def result_written_in_place():
    def run(n, x):
        out = x.new_zeros(64, 4)
        out.copy_(n.z(torch.relu(n.m(torch.relu(n.a(x))))))
        return out
    return Net(run, a=nn.Linear(8, 8), m=nn.Linear(8, 8), z=nn.Linear(8, 4)), torch.randn(64, 8)


@network
def masked_layers_and_shapes_of_the_input():
    def run(n, x):
        mask = x[:, :, 0].gt(2)
        y = n.m1(x, x, x, key_padding_mask=mask)[0]
        y = n.m2(y, y, y, key_padding_mask=mask)[0] + torch.relu(n.r(torch.zeros_like(y)))
        return n.z(n.m3(y, y, y, key_padding_mask=mask)[0])
    return Net(run, m1=nn.MultiheadAttention(8, 2, batch_first=True), m2=nn.MultiheadAttention(8, 2, batch_first=True),
               m3=nn.MultiheadAttention(8, 2, batch_first=True), r=nn.Linear(8, 8), z=nn.Linear(8, 4)), torch.randn(16, 10, 8)


@network
def input_changed_in_place():
    return Net(lambda n, x: n.z(torch.relu(n.a(x.mul_(2)))), a=nn.Linear(8, 8), z=nn.Linear(8, 4)), torch.randn(64, 8)


@network
def channels_last():
    return nn.Sequential(conv(), nn.BatchNorm2d(8), nn.ReLU(), conv(8, 4)).to(memory_format=torch.channels_last), image()


@network
def attention_with_a_negative_factor():
    def run(n, x):
        q, k, v = torch.relu(n.qkv(x)).unflatten(2, (3, 2, 4)).permute(2, 0, 3, 1, 4).unbind(0)
        return n.z(functional.scaled_dot_product_attention(q, k, v, scale=-3.0).transpose(1, 2).flatten(2))
    return Net(run, qkv=nn.Linear(8, 24), z=nn.Linear(8, 4)), torch.randn(16, 10, 8)


# What multiplies and is not quantized: the names that a refusal has to give

REFUSED = {}


def refused(*names):
    """Register a network that is refused unless `allow_float` has these names."""
    def register(function):
        REFUSED[function.__name__] = (function, names)
        return function
    return register


@refused("linear")
def functional_linear():
    return Net(lambda n, x: functional.linear(n.a(x), n.b.weight), a=nn.Linear(8, 8), b=nn.Linear(8, 4)), torch.randn(64, 8)


@refused("w.conv2d")
def standardized_weights():
    return Net(lambda n, x: n.z(torch.relu(n.w(x))), w=_Standardized(3, 8, 3, padding=1), z=conv(8, 4)), image()


@refused("matmul", "matmul_1")
def attention_by_hand():
    def run(n, x):
        q, k, v = n.qkv(x).chunk(3, 2)
        return n.z(torch.softmax(q @ k.transpose(1, 2), 2) @ v)
    return Net(run, qkv=nn.Linear(8, 24), z=nn.Linear(8, 4)), torch.randn(16, 10, 8)


@refused("einsum")
def einsum():
    return Net(lambda n, x: n.z(torch.einsum("nc,cd->nd", n.a(x), n.a.weight)), a=nn.Linear(8, 8), z=nn.Linear(8, 4)), torch.randn(64, 8)


@refused("rnn")
def recurrent():
    return Net(lambda n, x: n.z(n.rnn(x)[0]), rnn=nn.LSTM(8, 8, batch_first=True), z=nn.Linear(8, 4)), torch.randn(16, 10, 8)


@refused("encoder")
def transformer_layer():
    return Net(lambda n, x: n.z(n.encoder(x)), encoder=nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), z=nn.Linear(8, 4)), \
        torch.randn(16, 10, 8)


@refused("0")
def transposed_convolution_in_groups():
    return nn.Sequential(nn.ConvTranspose2d(4, 8, 3, stride=2, groups=2), nn.BatchNorm2d(8), nn.ReLU(), conv(8, 4)), image(4)


@refused("addmm_")
def product_in_place():
    return Net(lambda n, x: n.z(torch.relu(n.a(x).addmm_(x, n.w))), a=nn.Linear(8, 8), w=nn.Parameter(torch.randn(8, 8)), z=nn.Linear(8, 4)), \
        torch.randn(64, 8)


@refused("both")
def bilinear():
    return Net(lambda n, x: n.z(n.both(x, x)), both=nn.Bilinear(8, 8, 8), z=nn.Linear(8, 4)), torch.randn(64, 8)


@refused("blur.conv2d")
def fixed_filter():
    class Blur(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("kernel", torch.full((8, 1, 3, 3), 1 / 9))

        def forward(self, x):
            return functional.conv2d(x, self.kernel, padding=1, groups=8)
    return Net(lambda n, x: n.z(n.blur(n.a(x))), a=conv(3, 8), blur=Blur(), z=conv(8, 4)), image()
