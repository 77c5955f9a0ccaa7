"""How a step size is found. What a rule does with it is the rule's affair.

A search looks at points along a curve and judges each: the plain gradient step x − αg, or where the rule itself would
go with that α. Its judgement is a function of numbers, which both loops call, and which Numba compiles too:

    judge(settings, hunt, f, found, ahead, beyond, moved)

`found` is the value at the point tried, `ahead` the slope at x along the way there, gᵀ(x⁺ − x), `beyond` the slope at
its end, and `hunt` what the search remembers, first the α to be tried next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt
from sys import float_info
from typing import ClassVar

import numpy as np

from .errors import short, unknown
from .hyper import is_real

EPS = float_info.epsilon
ACCEPT, TRY, RESTART, FAIL = range(4)  # what a judgement says
PASSES, MISSES, DOUBTFUL = range(3)  # whether a value is low enough
FIRST, GROW, C1, C2 = range(4)  # settings
STEP, LAST, TRIES, RESTARTED, BEGAN = range(5)  # what a hunt holds; behind it, what each search adds
AHEAD = BEGAN + 1
LOW, F_LOW, SLOPE_LOW, HIGH, F_HIGH, SLOPE_HIGH, SETTLED = range(BEGAN + 1, BEGAN + 8)
HUNT = 16
MOST = 60  # points tried


def begin(settings, hunt, forgetful=False):
    """The first α of an iteration: `grow` times the last one, at most `first`. A rule without memory is forgetful."""
    hunt[LAST] = hunt[STEP]
    hunt[STEP] = min(settings[FIRST], settings[GROW] * hunt[STEP])
    hunt[BEGAN] = hunt[STEP]
    hunt[TRIES], hunt[RESTARTED], hunt[SETTLED] = 0.0, 1.0 if forgetful else 0.0, 0.0


def slack(f):
    """What rounding may add to a value of f."""
    return 10.0 * EPS * max(1.0, abs(f))


def passes(hunt, f, found, bound):
    """PASSES where `found` is within the bound, up to rounding; else MISSES.

    DOUBTFUL where it passes by rounding alone, which is a good part of what was asked for, after α shrank a
    millionfold, as it does along a wrong gradient.
    """
    if not found <= bound + slack(f):
        return MISSES
    hidden = not found <= bound and f - bound < 100.0 * slack(f)
    return DOUBTFUL if hidden and hunt[STEP] < 1e-6 * hunt[BEGAN] else PASSES


def gradient_step(x, g, step):
    """Where `Backtracking` looks."""
    return x - step * g


def judge_backtracking(settings, hunt, f, found, ahead, beyond, moved):
    """f(x − αg) ≤ f(x) − ½α‖g‖², up to rounding."""
    if hunt[TRIES] and not moved:
        return FAIL
    passed = passes(hunt, f, found, f + 0.5 * ahead)
    if passed != MISSES:
        return ACCEPT if passed == PASSES else FAIL
    hunt[TRIES] += 1.0
    hunt[STEP] *= 0.5
    return TRY


def judge_armijo(settings, hunt, f, found, ahead, beyond, moved):
    """f(x⁺) ≤ f(x) + c₁gᵀ(x⁺ − x), where the step descends.

    Momentum is given up where shortening α no longer shortens the step: it is what is left. RESTARTED says that there
    is none.
    """
    tries, before = hunt[TRIES], hunt[AHEAD]
    passed = passes(hunt, f, found, f + settings[C1] * ahead)
    if moved and ahead <= 0.0 and passed == PASSES:
        return ACCEPT
    hunt[TRIES], hunt[AHEAD] = tries + 1.0, ahead
    left = tries and not hunt[RESTARTED] and abs(ahead - before) <= 0.01 * abs(ahead)
    if tries >= MOST or passed == DOUBTFUL or left or not moved:
        if hunt[RESTARTED]:
            return FAIL
        hunt[STEP], hunt[TRIES], hunt[RESTARTED] = hunt[BEGAN], 0.0, 1.0
        return RESTART
    hunt[STEP] *= 0.5
    return TRY


def judge_wolfe(settings, hunt, f, found, ahead, beyond, moved):
    """f(x + αp) ≤ f(x) + c₁α gᵀp and |∇f(x + αp)ᵀp| ≤ c₂|gᵀp|, by bracketing and interpolation."""
    alpha, tries = hunt[STEP], hunt[TRIES]
    first, slope = ahead / alpha, beyond / alpha
    if tries == 0.0:
        hunt[LOW], hunt[F_LOW], hunt[SLOPE_LOW], hunt[HIGH] = 0.0, f, first, inf
    if ahead > 0.0 or (not moved and (hunt[HIGH] < inf or tries >= MOST)):
        return FAIL
    if not moved:
        hunt[STEP], hunt[TRIES] = 2.0 * alpha, tries + 1.0
        return TRY
    decreases = abs(slope) < inf and passes(hunt, f, found, f + settings[C1] * ahead) == PASSES
    if decreases and (abs(slope) <= -settings[C2] * first or hunt[SETTLED]):
        return ACCEPT
    hunt[TRIES] = tries + 1.0
    if tries >= MOST:
        if hunt[SETTLED] or hunt[LOW] == 0.0 or hunt[HIGH] == inf:
            return FAIL
        hunt[STEP], hunt[SETTLED] = hunt[LOW], 1.0  # the best of those that decrease f
        return TRY
    farther = alpha + beyond_both(hunt, alpha, slope)
    if not decreases or (found >= hunt[F_LOW] and hunt[LOW] > 0.0):
        hunt[HIGH], hunt[F_HIGH], hunt[SLOPE_HIGH] = alpha, found, slope
    else:
        if slope * (hunt[HIGH] - hunt[LOW]) >= 0.0:
            hunt[HIGH], hunt[F_HIGH], hunt[SLOPE_HIGH] = hunt[LOW], hunt[F_LOW], hunt[SLOPE_LOW]
        hunt[LOW], hunt[F_LOW], hunt[SLOPE_LOW] = alpha, found, slope
    hunt[STEP] = farther if hunt[HIGH] == inf else between(hunt)
    return TRY


def beyond_both(hunt, alpha, slope):
    """How far beyond α the slope vanishes, were it straight; one to four times what lies between LOW and α."""
    width, gain = alpha - hunt[LOW], slope - hunt[SLOPE_LOW]
    return width * (min(max(-slope / gain, 1.0), 4.0) if gain > 0.0 else 4.0)


def between(hunt):
    """The minimiser of the cubic through both ends of the bracket, kept a tenth of it away from them, or its middle."""
    low, width = hunt[LOW], hunt[HIGH] - hunt[LOW]
    middle = low + 0.5 * width
    if width == 0.0:
        return middle
    d = hunt[SLOPE_LOW] + hunt[SLOPE_HIGH] - 3.0 * (hunt[F_HIGH] - hunt[F_LOW]) / width
    square = d * d - hunt[SLOPE_LOW] * hunt[SLOPE_HIGH]
    if not 0.0 <= square < inf:
        return middle
    root = sqrt(square) if width > 0.0 else -sqrt(square)
    below = hunt[SLOPE_HIGH] - hunt[SLOPE_LOW] + 2.0 * root
    if below == 0.0:
        return middle
    share = 1.0 - (hunt[SLOPE_HIGH] + root - d) / below
    return low + width * min(max(share, 0.1), 0.9) if abs(share) < inf else middle


def judge_exact(settings, hunt, f, found, ahead, beyond, moved):
    """gᵀp = 0 at the end: the slope is a straight line in α, which two slopes give."""
    if hunt[TRIES]:
        level = abs(beyond) <= 1e-3 * abs(ahead) or abs(found - f - 0.5 * ahead) <= slack(f)
        return ACCEPT if moved and level else FAIL
    if not (ahead < 0.0 and ahead < beyond):
        return FAIL
    hunt[TRIES] = 1.0
    hunt[STEP] *= ahead / (ahead - beyond)
    return TRY


# ------------------------------------------------------------------ searches as users configure them


@dataclass(frozen=True)
class Backtracking:
    """A step size that never grows: halve α until a plain gradient step of that size decreases f by ½α‖g‖².

    The test holds for every α ≤ 1/L on an L-smooth function, so that α settles above 1/(2L), or stays at `first`. It
    allows for rounding, by 10 ε max(1, |f|): near a minimum ½α‖g‖² falls below what f resolves, and α would collapse.

    Parameters
    ----------
    first : float
        The step size tried first.

    Raises
    ------
    ValueError
        Where it is not a positive number.

    Examples
    --------
    >>> from momentumlab import heavy_ball
    >>> heavy_ball(search=Backtracking(first=8.0))
    heavy_ball(search=Backtracking(first=8.0))
    """

    first: float = 0.5
    judge: ClassVar[Callable] = staticmethod(judge_backtracking)
    own, slopes = False, False
    lacking = ""

    def __post_init__(self) -> None:
        _check(self, first=(0, inf))

    @property
    def settings(self) -> tuple[float, ...]:
        return self.first, 1.0


@dataclass(frozen=True)
class Armijo:
    """Halve α until the rule's own step descends far enough: f(x⁺(α)) ≤ f(x) + c₁gᵀ(x⁺(α) − x).

    The curve α ↦ x⁺(α) is where the rule would go from here, its momentum included. Where no α is accepted, from the
    iteration's first on down, the rule forgets its momentum and starts afresh from x, so that f never grows, but for
    rounding.

    Parameters
    ----------
    first : float
        The largest step size.
    c1 : float
        In (0, 1).
    grow : float
        An iteration starts from `grow` times the last step size; with inf from `first`, as suits Newton's method.

    Raises
    ------
    ValueError
        Where a number is outside its range.

    References
    ----------
    Armijo, Pacific J. Math. 16 (1966) 1; along a curve, Bertsekas, IEEE Trans. Autom. Control 21 (1976) 174.

    Examples
    --------
    >>> from momentumlab import heavy_ball, minimize
    >>> minimize("mccormick", method=heavy_ball(search=Armijo())).success
    True
    """

    first: float = 1.0
    c1: float = 1e-4
    grow: float = 2.0
    judge: ClassVar[Callable] = staticmethod(judge_armijo)
    own, slopes = True, False
    lacking = ""

    def __post_init__(self) -> None:
        _check(self, first=(0, inf), c1=(0, 1), grow=(0, None))

    @property
    def settings(self) -> tuple[float, ...]:
        return self.first, self.grow, self.c1


@dataclass(frozen=True)
class Wolfe:
    """The strong Wolfe conditions, for rules that step straight along a direction made of the gradient alone.

    f(x + αp) ≤ f(x) + c₁α gᵀp, and |∇f(x + αp)ᵀp| ≤ c₂|gᵀp|, which keeps sᵀy positive. Where sixty points do not meet
    the second, as at a kink, it takes the lowest that meets the first. The search
    of `quasi_newton`.

    Parameters
    ----------
    first : float
        The largest step size tried first.
    c1, c2 : float
        0 < c1 < c2 < 1.
    grow : float
        An iteration starts from `grow` times the last step size; with inf from `first`.

    Raises
    ------
    ValueError
        Where a number is outside its range.

    References
    ----------
    Nocedal & Wright, Numerical Optimization, 2nd ed. (2006), algorithms 3.5 and 3.6.

    Examples
    --------
    >>> from momentumlab import minimize, quasi_newton
    >>> minimize("rosenbrock", method=quasi_newton(search=Wolfe(c2=0.5))).success
    True
    """

    first: float = 1.0
    c1: float = 1e-4
    c2: float = 0.9
    grow: float = inf
    judge: ClassVar[Callable] = staticmethod(judge_wolfe)
    own, slopes = True, True
    lacking = (
        "The search found no step size that meets the Wolfe conditions; "
        "is the gradient right, the step one of descent, and f bounded below?"
    )

    def __post_init__(self) -> None:
        _check(self, first=(0, inf), c1=(0, 1), c2=(self.c1, 1), grow=(0, None))

    @property
    def settings(self) -> tuple[float, ...]:
        return self.first, self.grow, self.c1, self.c2


@dataclass(frozen=True)
class Exact:
    """The minimiser along the rule's direction of a quadratic f, from the slopes at two points.

    It takes rules that step straight along a direction made of the gradient alone, and ends the run where f turns out
    not to be quadratic there.

    Parameters
    ----------
    first : float
        The largest step size at which the second slope is measured.

    Raises
    ------
    ValueError
        Where it is not a positive number.

    References
    ----------
    Cauchy (1847), with `gradient_descent`.

    Examples
    --------
    >>> from momentumlab import gradient_descent, minimize
    >>> minimize("booth", method=gradient_descent(search=Exact())).success
    True
    """

    first: float = 1.0
    judge: ClassVar[Callable] = staticmethod(judge_exact)
    own, slopes = True, True
    lacking = "The search is exact on convex quadratics, and along this step f is not one."

    def __post_init__(self) -> None:
        _check(self, first=(0, inf))

    @property
    def settings(self) -> tuple[float, ...]:
        return self.first, 1.0


Search = Backtracking | Armijo | Wolfe | Exact
SEARCHES = {"backtracking": Backtracking, "armijo": Armijo, "wolfe": Wolfe, "exact": Exact}


def _check(search: Search, **ranges: tuple[float, float | None]) -> None:
    """Every number inside its open range; one without an upper end may be infinite."""
    for name, (low, high) in ranges.items():
        value = getattr(search, name)
        infinite = high is None and isinstance(value, float) and value == inf
        if not infinite and not (is_real(value) and low < value < (inf if high is None else high)):
            shown = f"({low:g}, {'∞' if high in (None, inf) else f'{high:g}'}{']' if high is None else ')'}"
            raise ValueError(f"{type(search).__name__}: {name} = {short(value)}; it must be a number in {shown}")
        object.__setattr__(search, name, float(value))


def as_search(owner: str, given: object) -> Search:
    """A search from one, its class or its name."""
    if isinstance(given, str):
        if given not in SEARCHES:
            raise ValueError(f"{owner}: {unknown('search', given, SEARCHES)}")
        return SEARCHES[given]()
    if any(given is kind for kind in SEARCHES.values()):
        return given()  # type: ignore[operator]
    if not isinstance(given, Search):
        names = ", ".join(f"{kind.__name__}()" for kind in SEARCHES.values())
        raise TypeError(f"{owner}: search = {short(given)}; give one of {names}, or lr for a fixed step size")
    return given


def fresh_hunt() -> np.ndarray:
    """What a search remembers, before its first iteration."""
    hunt = np.zeros(HUNT)
    hunt[STEP] = hunt[LAST] = inf
    return hunt
