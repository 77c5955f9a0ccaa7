"""Initializers: fans, gains and bounds against torch's own, distributions against the exact law, signals in scale."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from momentumlab import initializers
from momentumlab.initializers import fans, gain, kaiming_normal, kaiming_uniform, xavier_normal, xavier_uniform

SHAPES = [(300, 100), (40, 16, 5), (32, 24, 3, 5), (8, 6, 3, 3, 3)]
DENSE, CONVOLUTION = SHAPES[0], SHAPES[2]
KAIMING = [
    {"mode": mode, "nonlinearity": nonlinearity, "slope": slope}
    for mode in ("fan_in", "fan_out")
    for nonlinearity, slope in [("relu", 0.0), ("leaky_relu", 0.2), ("leaky_relu", math.sqrt(5)), ("tanh", 0.0)]
]
DRAWS = [
    *(("xavier_uniform", {"gain": g}) for g in (1.0, 5 / 3)),
    *(("xavier_normal", {"gain": g}) for g in (1.0, 5 / 3)),
    *((name, options) for name in ("kaiming_uniform", "kaiming_normal") for options in KAIMING),
]


def law(name, options, shape):
    """The exact distribution, by the formulas of Glorot & Bengio (2010) and He et al. (2015)."""
    out, inputs, *kernel = shape
    fan = {"fan_in": inputs * math.prod(kernel), "fan_out": out * math.prod(kernel)}
    if name.startswith("xavier"):
        variance = options["gain"] ** 2 * 2 / (fan["fan_in"] + fan["fan_out"])
    else:
        slope = options["slope"] if options["nonlinearity"] == "leaky_relu" else 0.0
        second = 25 / 9 if options["nonlinearity"] == "tanh" else 2 / (1 + slope**2)
        variance = second / fan[options["mode"]]
    a = math.sqrt(3 * variance)
    return stats.uniform(-a, 2 * a) if name.endswith("uniform") else stats.norm(0, math.sqrt(variance))


@pytest.mark.parametrize("shape", [DENSE, CONVOLUTION])
@pytest.mark.parametrize(("name", "options"), DRAWS)
def test_weights_have_the_exact_law(name, options, shape):
    """By Kolmogorov & Smirnov's test, on enough weights to reject a scale that is wrong by a tenth."""
    w = getattr(initializers, name)(shape, **options, rng=0)
    exact = law(name, options, shape)
    assert w.shape == shape
    assert stats.kstest(w.ravel(), exact.cdf).pvalue > 1e-3
    assert stats.kstest(1.1 * w.ravel(), exact.cdf).pvalue < 1e-3
    if name.endswith("uniform"):
        a = exact.support()[1]
        assert (1 - 20 / w.size) * a < np.abs(w).max() <= a * (1 + 1e-15)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "options"), DRAWS)
def test_bounds_and_deviations_are_those_of_torch(name, options, shape, monkeypatch):
    """What torch.nn.init hands to Tensor.uniform_ or normal_; ours is the same number times a standard draw."""
    torch = pytest.importorskip("torch")
    handed = []
    for method in ("uniform_", "normal_"):
        monkeypatch.setattr(torch.Tensor, method, lambda tensor, low, high, **_: handed.append((low, high)))
    theirs = {"a" if n == "slope" else n: value for n, value in options.items()}
    getattr(torch.nn.init, f"{name}_")(torch.empty(shape), **theirs)
    [(low, high)] = handed
    rng = np.random.default_rng(7)
    standard = rng.uniform(-1, 1, shape) if name.endswith("uniform") else rng.standard_normal(shape)
    assert np.allclose(getattr(initializers, name)(shape, **options, rng=7), high * standard, rtol=1e-13, atol=0)
    assert low == (-high if name.endswith("uniform") else 0)


@pytest.mark.parametrize("shape", [*SHAPES, (1, 1), (2, 7)])
def test_fans_are_those_of_torch(shape):
    torch = pytest.importorskip("torch")
    assert fans(shape) == torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))


def test_fans_of_a_convolution():
    assert fans((16, 3, 5, 5)) == (3 * 25, 16 * 25)
    assert fans((10, 784)) == (784, 10)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("linear", 1),
        ("conv1d", 1),
        ("conv2d", 1),
        ("conv3d", 1),
        ("sigmoid", 1),
        ("tanh", 5 / 3),
        ("relu", math.sqrt(2)),
        ("leaky_relu", math.sqrt(2 / 1.0001)),
        ("selu", 3 / 4),
    ],
)
def test_gains(name, value):
    assert gain(name) == pytest.approx(value, rel=1e-15)
    torch = pytest.importorskip("torch")
    assert gain(name) == torch.nn.init.calculate_gain(name)


@pytest.mark.parametrize("slope", [0.0, 0.2, 1.0, math.sqrt(5), -0.3])
def test_gains_of_leaky_relu(slope):
    torch = pytest.importorskip("torch")
    assert gain("leaky_relu", slope) == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", slope), rel=1e-15)


@pytest.mark.parametrize(
    ("kind", "sizes", "shape"), [("Linear", (100, 300), (300, 100)), ("Conv2d", (24, 32, 5), (32, 24, 5, 5))]
)
def test_torchs_layers_start_within_one_over_the_root_of_the_fan(kind, sizes, shape):
    """nn.Linear and nn.Conv2d draw weights and biases from U(±1/√fan_in), Kaiming's with slope √5."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layer = getattr(torch.nn, kind)(*sizes)
    theirs = layer.weight.detach().numpy()
    ours = kaiming_uniform(shape, nonlinearity="leaky_relu", slope=math.sqrt(5), rng=0)
    a = 1 / math.sqrt(fans(shape)[0])
    assert theirs.shape == ours.shape
    for w in (theirs, ours, layer.bias.detach().numpy()):
        assert 0.95 * a < np.abs(w).max() <= a * (1 + 1e-6)
        assert stats.kstest(w.ravel(), stats.uniform(-a, 2 * a).cdf).pvalue > 1e-3
    assert stats.ks_2samp(theirs.ravel(), ours.ravel()).pvalue > 1e-3


def forward_relu(layer):
    """The variance of log E z²: behind a ReLU, 512 squares of relative variance 5 make the next layer's scale."""
    return 5 / (512 * 256) + 5 * (layer - 1) / 512


def forward_leaky(layer, a=0.2):
    """The same behind a leaky ReLU, whose squares have relative variance 6(1 + a⁴)/(1 + a²)² − 1."""
    return 5 / (512 * 256) + (6 * (1 + a**4) / (1 + a**2) ** 2 - 1) * (layer - 1) / 512


def forward_linear(layer):
    """The same without one: 2/512 at each layer, over the inputs' number of directions, which shrinks with depth."""
    directions = [1 / 256 + 1 / 512 + before / 512 for before in range(layer)]
    return 2 / (512 * 256) + 2 / 512 * sum(directions)


@pytest.mark.parametrize(
    ("nonlinearity", "act", "scale", "variance"),
    [
        ("relu", lambda z: np.maximum(z, 0), 2.0, forward_relu),
        ("leaky_relu", lambda z: np.where(z > 0, z, 0.2 * z), 2 / 1.04, forward_leaky),
        ("linear", lambda z: z, 1.0, forward_linear),
    ],
)
def test_signals_keep_their_scale_through_thirty_layers(nonlinearity, act, scale, variance):
    """E z² = gain² at layers 1, 10 and 30 of width 512, from 512 inputs in N(0, 1)²⁵⁶ (He et al. (2015), eq. 9).

    log E z² walks at random. Its squares in deviations from there are averaged over ten networks and stay within the
    0.1 % quantiles of χ²₁₀/10; this holds ReLU's deviation at layer 30 to be near √(5·29/512) = 0.53, not 0.2 or 1.4.
    """
    squares = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x, seen = rng.standard_normal((512, 256)), []
        for layer in range(1, 31):
            z = x @ kaiming_normal((512, x.shape[1]), nonlinearity=nonlinearity, slope=0.2, rng=rng).T
            x = act(z)
            if layer in (1, 10, 30):
                seen.append(math.log(np.mean(z * z) / scale) ** 2 / variance(layer))
        squares.append(seen)
    low, high = stats.chi2(10).ppf([1e-3, 1 - 1e-3]) / 10
    assert np.all((low < np.mean(squares, axis=0)) & (np.mean(squares, axis=0) < high))


def test_gradients_keep_their_scale_by_the_other_fan():
    """Back through ReLUs E δ² stays with fan_out; with fan_in it is multiplied by the last width over the first.

    Each layer moves log E δ² by 5/width in variance at most; three deviations are allowed.
    """
    widths = [1024, 256, 512, 1024, 128]
    allowed = 3 * math.sqrt(sum(5 / n for n in widths[1:]))
    for mode, factor in (("fan_out", 1), ("fan_in", 1 / 8)):
        rng = np.random.default_rng(0)
        x, layers, open_gates = rng.standard_normal((256, widths[0])), [], []
        for inputs, out in pairwise(widths):
            layers.append(kaiming_normal((out, inputs), mode=mode, rng=rng))
            z = x @ layers[-1].T
            open_gates.append(z > 0)
            x = np.maximum(z, 0)
        delta = rng.standard_normal((256, widths[-1]))
        for w, gate in zip(layers[::-1], open_gates[::-1], strict=True):
            delta = (delta * gate) @ w
        assert abs(math.log(np.mean(delta * delta) / factor)) < allowed < math.log(8)


@pytest.mark.parametrize("draw", [kaiming_uniform, kaiming_normal])
def test_defaults_are_those_of_reference(draw):
    """For ReLU, forward; where ReLU leaks, by a hundredth."""
    assert np.array_equal(draw(DENSE, rng=0), draw(DENSE, mode="fan_in", nonlinearity="relu", rng=0))
    leaky = draw(DENSE, nonlinearity="leaky_relu", rng=0)
    assert np.array_equal(leaky, draw(DENSE, nonlinearity="leaky_relu", slope=0.01, rng=0))
    assert gain("leaky_relu") == gain("leaky_relu", 0.01)


def test_draws_follow_scipys_convention():
    once, again = (xavier_normal((3, 4), rng=5) for _ in range(2))
    assert np.array_equal(once, again)
    rng = np.random.default_rng(5)
    assert np.array_equal(once, xavier_normal((3, 4), rng=rng))
    assert not np.array_equal(once, xavier_normal((3, 4), rng=rng))
    assert not np.array_equal(xavier_uniform((3, 4)), xavier_uniform((3, 4)))
    assert once.dtype == np.float64


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: fans((3,)), "shape = (3,) has no fans; it must have two dimensions or more: (out, in, *kernel)"),
        (lambda: kaiming_normal([7]), "shape = [7] has no fans"),
        (lambda: xavier_uniform(()), "shape = () has no fans"),
        (lambda: fans(3), "shape = 3; it must be a sequence of whole numbers, 1 or larger"),
        (lambda: fans((3, 0)), "shape = (3, 0); it must be a sequence of whole numbers"),
        (lambda: fans((3, 2.5)), "shape = (3, 2.5)"),
        (lambda: gain("rely"), "there is no nonlinearity 'rely'; did you mean 'relu'"),
        (lambda: gain("leaky_relu", "steep"), "slope = 'steep'; it must be a finite number"),
        (lambda: kaiming_uniform((3, 2), mode="fanin"), "there is no mode 'fanin'; did you mean 'fan_in'"),
        (lambda: xavier_normal((3, 2), gain="tanh"), "gain = 'tanh'; it must be a finite number"),
        (lambda: xavier_normal((3, 2), rng=-1), "rng = -1; it must be a whole number, 0 or larger"),
    ],
)
def test_mistakes_are_refused_with_a_sentence(call, says):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert says in str(caught.value)
