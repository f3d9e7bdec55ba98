"""A2Q's motivating study: what a narrow accumulator does to a network that does not know about it.

One layer, 784 one-bit inputs (binarised MNIST), 8-bit weights, 10 classes: a set-up chosen here after A2Q's overflow study. Every
dot product of the 1,000 test digits is summed pixel by pixel in exact integers.
"""

import matplotlib.pyplot as plt
import pandas as pd

from repro import accumulators
from repro.a2q import integer_inference, training
from repro.a2q.quantizers import INPUT_BITS, OneLayer
from repro.a2q.training import Recipe
from repro.datasets import mnist
from repro.exhibits import OTHER_COLOURS, Figure, Table, band, exhibit
from repro.experiments.base import Experiment
from repro.experiments.verdict import Verdict, judge

PIXELS = 784
WEIGHT_BITS = 8
WIDE = 32
"""The accumulator of the reference: it holds every sum of this study exactly."""
BOUND = accumulators.data_type_bound(PIXELS, WEIGHT_BITS, INPUT_BITS)

# Rates are candidates: repro.a2q.training.fit chooses among them on the validation digits.
_REPEATS = {"smoke": 1, "laptop": 3}
_WIDTHS = {"smoke": (BOUND, 11, 9), "laptop": range(8, BOUND + 1)}
_WEIGHT_BITS = {"smoke": (8, 4), "laptop": (8, 7, 6, 5, 4, 3)}
_PLAIN = {"smoke": Recipe(rates=(1e-2,), epochs=8), "laptop": Recipe(rates=(3e-3, 1e-2), epochs=30)}
_TUNED = {"smoke": Recipe(rates=(1e-2,), epochs=2), "laptop": Recipe(rates=(5e-4, 1e-2), epochs=10)}


def grid(scale: str) -> list[dict]:
    """One point a repeat (the seed of its initial weights and batches), because its networks descend from each other."""
    return [{"repeat": repeat} for repeat in range(_REPEATS[scale])]


def compute(points: list[dict], scale: str) -> list[dict]:
    """Train each repeat's networks and run them. Raises AssertionError if an A2Q network can overflow at its width."""
    digits = mnist.load()
    rows = []
    for point in points:
        rows += [{"repeat": point["repeat"], "seed": point["repeat"], **row}
                 for row in _repeat(digits, scale, point["repeat"])]
    return rows


def _repeat(digits: mnist.Digits, scale: str, seed: int):
    """The rows of one repeat, without its key."""
    parent = training.plain(digits, _PLAIN[scale], seed)
    yield _row("qat", parent, digits.test, WIDE)
    for p in _WIDTHS[scale]:
        for policy in integer_inference.POLICIES:
            yield _row(policy, parent, digits.test, p, policy)
    for method in ("a2q", "a2q+"):
        for net in training.descend(method, parent, _WIDTHS[scale], digits, _TUNED[scale], seed):
            yield _safe_row(method, net, digits.test)
    yield _safe_row("a2q-cold", training.cold("a2q", BOUND, digits, _PLAIN[scale], seed), digits.test)
    for bits in _WEIGHT_BITS[scale][1:]:
        yield _row("qat", training.plain(digits, _TUNED[scale], seed, bits, parent), digits.test, WIDE)


def _row(method: str, net: OneLayer, test: mnist.Split, p: int, policy: str = "wraparound") -> dict:
    weights = net.integer_weights()
    sums = integer_inference.accumulate(test.images, weights, p, policy)
    logits = net.logits(sums.values)
    exact = net.logits(test.images.astype("int64") @ weights.T)
    largest_norm = int(abs(weights).sum(axis=1).max())
    return {
        "method": method, "p": p, "weight_bits": net.weight_bits, "n": len(test.labels),
        "accuracy": 100 * (logits.argmax(axis=1) == test.labels).mean(),
        "overflow_rate": 100 * sums.overflowed.mean(),
        "logit_error": abs(logits - exact).mean(),
        "sparsity": 100 * (weights == 0).mean(),
        "at_clip": 100 * (abs(weights) == 2 ** (net.weight_bits - 1) - 1).mean(),
        "l1_norm": largest_norm,
        "l1_bound": accumulators.l1_bound(largest_norm, INPUT_BITS),
        "exact_bits": integer_inference.bits_needed(weights, 2**INPUT_BITS - 1),
    }


def _safe_row(method: str, net: OneLayer, test: mnist.Split) -> dict:
    """The row of an accumulator-aware network at its own width, once its guarantee has been checked."""
    row = _row(method, net, test, net.accumulator_bits)
    if row["l1_norm"] > net.budget or row["exact_bits"] > net.accumulator_bits or row["overflow_rate"] > 0:
        raise AssertionError(f"an {method} network overflows its {net.accumulator_bits}-bit accumulator: {row}")
    return row


EXPERIMENT = Experiment(
    name="overflow",
    title="Accuracy, overflow and logit error against accumulator width: binarised MNIST, one layer",
    keys=("method", "weight_bits", "p", "repeat"),
    metrics={"accuracy": 4, "overflow_rate": 2, "logit_error": 0.15, "sparsity": 4, "at_clip": 1, "l1_norm": "25%",
             "l1_bound": 1, "exact_bits": 1},
    grid=grid,
    compute=compute,
    module=__name__,
    files=("data/manifests/packages.sha256",),
)
"""On one machine rows come out the same. On another processor float32 sums differ in the last bits; initial weights
moved by one part in a million changed these metrics by up to half of their tolerances (the two widths by one bit)."""

CHANCE = 10.0
_BLACK, _GREEN, _PINK, _ORANGE = OTHER_COLOURS
_SERIES = {
    "wraparound": ("wraparound", {"color": _ORANGE, "marker": "v", "linestyle": ":"}),
    "saturation": ("saturation", {"color": _PINK, "marker": "^", "linestyle": "--"}),
    "a2q": ("A2Q", {"color": _GREEN, "marker": ">", "linestyle": "-"}),
    "a2q+": ("A2Q+", {"color": _BLACK, "marker": "D", "linestyle": "-."}),
}


def by_width(rows: pd.DataFrame, method: str, metric: str, statistic: str = "mean") -> pd.Series:
    """A metric of one method's 8-bit networks against accumulator width p (ascending), over the repeats."""
    chosen = rows[(rows["method"] == method) & (rows["weight_bits"] == WEIGHT_BITS)]
    return chosen.groupby("p")[metric].agg(statistic)


def plain_networks(rows: pd.DataFrame) -> pd.DataFrame:
    """Plainly trained networks by weight width, means over the repeats: accuracy, and three widths that are safe for
    every repeat: from the types alone, from the L1 norm, and from the exact worst case."""
    plain = rows[rows["method"] == "qat"].groupby("weight_bits")
    frame = plain.agg(accuracy=("accuracy", "mean"), sparsity=("sparsity", "mean"),
                      l1_bound=("l1_bound", "max"), exact_bits=("exact_bits", "max")).reset_index()
    bounds = [accumulators.data_type_bound(PIXELS, int(bits), INPUT_BITS) for bits in frame["weight_bits"]]
    return frame.assign(data_type_bound=bounds)


def _draw(axis, rows: pd.DataFrame, metric: str, methods=tuple(_SERIES)) -> None:
    """Means over the repeats with a band from the least to the greatest."""
    for method in methods:
        label, style = _SERIES[method]
        mean = by_width(rows, method, metric)
        axis.plot(mean.index, mean, label=label, **style)
        least, greatest = (by_width(rows, method, metric, end) for end in ("min", "max"))
        band(axis, mean.index, least, greatest, color=style["color"])
    axis.set_xlabel("accumulator width P (bits)")
    axis.set_xticks(sorted(rows.loc[rows["method"] == methods[0], "p"].unique()))


@exhibit
def trace_figure(image, weights, p: int) -> Figure:
    """The register during one dot product: exact, wrapping around and saturating at p bits.

    `image`, `weights`: integers (k,). Computed on the spot.
    """
    low, high = integer_inference.limits(p)
    figure, axis = plt.subplots(figsize=(7.2, 3.6))
    axis.axhspan(low, high, color="#eeeeee", label=f"what {p} bits can hold")
    axis.plot(integer_inference.trace(image, weights, WIDE, "wraparound"), color="#555555", linewidth=2.5, label="exact")
    for policy in integer_inference.POLICIES:
        label, style = _SERIES[policy]
        axis.plot(integer_inference.trace(image, weights, p, policy), label=label, markevery=60, **style)
    axis.set(xlabel="products added", ylabel="register")
    axis.legend(ncols=2)
    return Figure(
        f"One dot product in a {p}-bit register, product by product. Inside the grey band all three agree; from the first "
        "overflow on, wraparound jumps to the other end and saturation forgets what did not fit.",
        figure=figure,
        alt="Three traces of a running sum. They coincide until the sum leaves a grey band; then one jumps to the "
            "opposite edge of the band, one runs along its edge, and the exact one goes on outside.")


@exhibit
def accuracy_figure(rows: pd.DataFrame) -> Figure:
    """Accuracy against accumulator width under the two overflow policies, for A2Q and for A2Q+."""
    figure, axis = plt.subplots()
    _draw(axis, rows, "accuracy")
    axis.axhline(CHANCE, color="#777777", linewidth=0.8)
    axis.annotate("chance", (BOUND, CHANCE), xytext=(0, 4), textcoords="offset points", ha="right", color="#555555")
    axis.set(ylabel="test accuracy (%)", ylim=(0, 100))
    axis.legend(loc="center right")
    return Figure(
        f"Accuracy of a one-layer network on {rows['n'].max():,} binarised MNIST digits. Wraparound and saturation run the "
        "same plainly trained 8-bit network; A2Q and A2Q+ train a network for each width. Mean and range over "
        f"{rows['repeat'].nunique()} seeds. The data-type bound is {BOUND} bits.",
        rows=rows, figure=figure,
        alt="Four curves of accuracy against accumulator width. All agree at wide accumulators. As the width falls, "
            "wraparound drops first, to chance; saturation drops later; A2Q and A2Q+ decline slowly.")


@exhibit
def overflow_figure(rows: pd.DataFrame) -> Figure:
    """Overflow rate and mean absolute logit error of the plainly trained network against accumulator width."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6))
    rate = by_width(rows, "wraparound", "overflow_rate")
    drawn = rows[rows["p"].isin(rate.index[rate > 0]) & rows["method"].isin(("wraparound", "saturation"))]
    for axis in (left, right):
        axis.set_yscale("log", nonpositive="mask")
    left.set(ylabel="dot products that overflow (%)")
    right.set(ylabel="mean |logit error|")
    _draw(left, drawn, "overflow_rate", ("wraparound",))
    _draw(right, drawn, "logit_error", ("wraparound", "saturation"))
    right.legend()
    widest = int(drawn["p"].max())
    return Figure(
        f"What goes wrong below {widest + 1} bits. Left: dot products in which a partial sum left the register, the same "
        "ones under both policies. Right: how far the logits are from exact ones. Mean and range over "
        f"{drawn['repeat'].nunique()} seeds. Logarithmic scales: a range that begins at zero goes down to the axis; from "
        f"{widest + 1} bits up, and for A2Q at every width, both are zero and cannot be drawn. Wraparound's error can be zero "
        "where partial sums overflow and come back.",
        rows=drawn, figure=figure,
        alt="Two panels against accumulator width. The overflow rate rises steeply as the width falls and levels off "
            "near 100 per cent; the logit error rises too, more under wraparound than under saturation except at the widest "
            "width drawn.")


@exhibit
def sparsity_figure(rows: pd.DataFrame) -> Figure:
    """Share of zero weights against the accumulator width trained for."""
    figure, axis = plt.subplots()
    _draw(axis, rows, "sparsity", ("a2q", "a2q+"))
    plain = rows[(rows["method"] == "qat") & (rows["weight_bits"] == WEIGHT_BITS)]["sparsity"].mean()
    axis.axhline(plain, color="#777777", linewidth=0.8)
    axis.annotate("plain training", (rows["p"].min(), plain), xytext=(0, 4), textcoords="offset points", color="#555555")
    axis.set(ylabel="weights that are zero (%)", ylim=(0, 100))
    axis.legend()
    return Figure(
        "A small accumulator leaves room for few weights that are not zero. Where the budget does not bind, what A2Q has above plain "
        "training comes from rounding towards zero. Mean and range over the seeds.",
        rows=rows[rows["method"].isin(("qat", "a2q", "a2q+"))], figure=figure,
        alt="Sparsity against accumulator width: it falls steadily from near 100 per cent at eight bits; A2Q lies above "
            "A2Q+ at every width, and both above plain training.")


@exhibit
def frontier_figure(rows: pd.DataFrame) -> Figure:
    """Accuracy against the width at which a network is safe: by the papers' bounds, and by the exact worst case."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6), sharey=True)
    plain = plain_networks(rows)
    grey = {"color": "#555555", "linestyle": "none"}
    left.plot(plain["data_type_bound"], plain["accuracy"], marker="x", label="plain, data-type bound", **grey)
    left.plot(plain["l1_bound"], plain["accuracy"], marker="P", label="plain, L1 bound", **grey)
    right.plot(plain["exact_bits"], plain["accuracy"], marker="P", label="plain", **grey)
    for method in ("a2q", "a2q+"):
        label, style = _SERIES[method]
        accuracy = by_width(rows, method, "accuracy")
        left.plot(accuracy.index, accuracy, label=label, **style)
        right.plot(by_width(rows, method, "exact_bits", "max"), accuracy, label=label, **style | {"linestyle": "none"})
    left.set(xlabel="safe width by the papers' bounds (bits)", ylabel="test accuracy (%)")
    right.set(xlabel="safe width by the exact worst case (bits)")
    left.legend()
    right.annotate("markers as on the left", (0.97, 0.05), xycoords="axes fraction", ha="right", color="#555555", fontsize=9)
    return Figure(
        "Which accuracy is safe in how many bits? Grey: plainly trained networks with 3 to 8-bit weights. Left: A2Q goes on "
        "where the bounds have no plain network left. Right: the same networks at the width that their positive and "
        "negative weights really need, with inputs of 0 and 1. Means over the seeds.",
        rows=rows, figure=figure,
        alt="Two scatter plots of accuracy against safe accumulator width. On the left, plain networks reach down to "
            "about twelve bits and the A2Q curves continue to eight. On the right the plain and the A2Q points lie further "
            "left, and the three kinds mingle.")


@exhibit
def table(rows: pd.DataFrame) -> Table:
    """Means over the repeats, a line for each accumulator width."""
    frame = pd.DataFrame({"overflow rate (%)": by_width(rows, "wraparound", "overflow_rate")})
    for method, (label, _) in _SERIES.items():
        frame[f"accuracy, {label} (%)"] = by_width(rows, method, "accuracy")
    for policy in ("wraparound", "saturation"):
        frame[f"logit error, {policy}"] = by_width(rows, policy, "logit_error")
    frame["A2Q zero weights (%)"] = by_width(rows, "a2q", "sparsity")
    frame = frame.sort_index(ascending=False).rename_axis("P").reset_index()
    formats = {name: "{:.3g}" if "rate" in name or "error" in name else "{:.1f}" for name in frame.columns[1:]}
    return Table("One layer on binarised MNIST: accuracy, overflow rate and logit error against accumulator width P, means over the seeds.",
                 rows=rows[rows["p"] != WIDE], frame=frame, formats=formats)


@exhibit
def starts_table(rows: pd.DataFrame) -> Table:
    """A2Q where its budget does not bind: from random weights, from trained ones, and plain training beside them."""
    rows = rows[(rows["weight_bits"] == WEIGHT_BITS) & (
        (rows["method"] == "qat") | (rows["method"].isin(("a2q", "a2q-cold")) & (rows["p"] == BOUND)))]
    names = {"qat": "plain training", "a2q": "A2Q from the plain network", "a2q-cold": "A2Q from random weights"}
    frame = rows.groupby("method")[["accuracy", "at_clip", "sparsity"]].mean().reindex(list(names)).reset_index()
    frame["method"] = frame["method"].map(names)
    frame.columns = ["training", "accuracy (%)", "weights at ±127 (%)", "zero weights (%)"]
    return Table(f"The start matters: A2Q at {BOUND} bits, where its bound is inactive. Means over the seeds.",
                 rows=rows, frame=frame, formats=dict.fromkeys(frame.columns[1:], "{:.1f}"))


def a2q_never_overflows(rows: pd.DataFrame) -> Verdict:
    """A2Q guarantees that no overflow happens at its width (claim of A2Q): an arithmetic fact, checked."""
    nets = rows[rows["method"].isin(("a2q", "a2q+", "a2q-cold"))]
    safe = (nets["overflow_rate"] == 0) & (nets["exact_bits"] <= nets["p"])
    return judge(bool(len(nets) and safe.all()), False,
                 f"{safe.sum()} of {len(nets)} trained networks overflow neither on the {nets['n'].max():,} test "
                 "digits nor on the worst input in the worst order.")


def overflow_grows_exponentially_and_accuracy_drops(rows: pd.DataFrame) -> Verdict:
    """Without A2Q the overflow rate grows exponentially as the width falls, and accuracy drops to chance.

    Exponential: as long as at most half of all dot products overflow, each bit less at least doubles their share (over
    two steps or more). To chance: within five points of it at the narrowest width.
    """
    rate = by_width(rows, "wraparound", "overflow_rate").sort_index(ascending=False)
    rate = rate[rate > 0]
    growing = rate[rate <= 50]
    factors = (growing / growing.shift()).dropna()
    exponential = len(factors) >= 2 and bool((factors >= 2).all())
    least = int(rate.index.min())
    wraparound, saturation = (by_width(rows, policy, "accuracy")[least] for policy in ("wraparound", "saturation"))
    steps = ", ".join(f"{share:.3g} % at {p}" for p, share in rate.items())
    return judge(exponential and max(wraparound, saturation) <= CHANCE + 5, exponential and wraparound <= CHANCE + 5,
                 f"Dot products that overflow, by bits: {steps}. At {least} bits wraparound is right on {wraparound:.1f} % "
                 f"and saturation on {saturation:.1f} % (chance {CHANCE:.0f} %).")


def a2q_promotes_sparsity(rows: pd.DataFrame) -> Verdict:
    """A2Q promotes unstructured sparsity: at every width it has more zero weights than plain training."""
    sparsity, accuracy = by_width(rows, "a2q", "sparsity"), by_width(rows, "a2q", "accuracy")
    plain = plain_networks(rows).set_index("weight_bits").loc[WEIGHT_BITS]
    more = bool((sparsity > plain["sparsity"]).all())
    close = sparsity[accuracy >= 0.992 * plain["accuracy"]]
    kept = f"up to {close.max():.0f} %" if len(close) else "no network"
    return judge(more, bool((sparsity > plain["sparsity"]).any()),
                 f"Zero weights: {plain['sparsity']:.0f} % after plain training, {sparsity.iloc[-1]:.0f} % with A2Q at "
                 f"{sparsity.index[-1]} bits (its bound is inactive: rounding towards zero), {sparsity.iloc[0]:.0f} % at "
                 f"{sparsity.index[0]}; {kept} while 99.2 % of the plain network's accuracy is kept.")


def a2q_dominates(rows: pd.DataFrame) -> Verdict:
    """A2Q dominates the safe alternatives: data-type bound and post-training L1 bound of plainly trained networks.

    Reproduced when at every width A2Q's mean accuracy is at least that of the best plain network that is safe there;
    partly when it only goes on where no plain network is safe, and there beats running the plain network unsafely.
    """
    a2q, plain = by_width(rows, "a2q", "accuracy"), plain_networks(rows)
    best = pd.Series({p: plain.loc[plain["l1_bound"] <= p, "accuracy"].max() for p in a2q.index})
    gap = (a2q - best).dropna()
    beyond = a2q[best.isna()]
    unsafe = pd.DataFrame({policy: by_width(rows, policy, "accuracy") for policy in integer_inference.POLICIES})
    further = len(beyond) > 0 and bool((beyond > unsafe.loc[beyond.index].max(axis=1)).all())
    lead = (unsafe["saturation"] - a2q).sort_index()
    return judge(further and bool((gap >= 0).all()), further,
                 f"Plain networks (3 to 8-bit weights) are safe by the L1 bound down to {int(plain['l1_bound'].min())} bits; "
                 f"there and above A2Q is {gap.min():+.1f} to {gap.max():+.1f} points from the best of them. A2Q goes "
                 f"on to {int(a2q.index.min())} bits ({a2q.iloc[0]:.1f} %). Saturation of the plain network is "
                 f"{lead.iloc[0]:+.1f} points from A2Q at {lead.index[0]} bits and at best {lead.max():+.1f} "
                 f"(at {lead.idxmax()}). A2Q with 8-bit weights only.")


def a2q_plus_dominates(rows: pd.DataFrame) -> Verdict:
    """A2Q+ dominates A2Q, most at the narrowest accumulator (claim of A2Q+).

    What is compared here is zero-centring with its larger budget: both methods start from the projection of A2Q+.
    """
    gain = (by_width(rows, "a2q+", "accuracy") - by_width(rows, "a2q", "accuracy")).sort_index()
    largest_last = gain.iloc[0] > 0 and gain.idxmax() == gain.index[0]
    return judge(bool(largest_last and (gain >= 0).all()), bool(largest_last),
                 f"A2Q+ is {gain.iloc[0]:+.1f} points from A2Q at {gain.index[0]} bits, where the gain is "
                 f"{'largest' if largest_last else 'not largest'}; over all widths {gain.min():+.1f} to {gain.max():+.1f}. "
                 "With one-bit inputs A2Q+'s budget is four times A2Q's, more than with wider inputs. Both start from the "
                 "projection of A2Q+, so only zero-centring is compared.")
