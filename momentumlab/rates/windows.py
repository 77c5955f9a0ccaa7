"""Fits of log e on windows: which model, on which window, and how far it is to be believed."""

import math

import numpy as np

PURE, FACTOR, SUBLINEAR = range(3)  # models: ρᵏ, (1 + uk)ρᵏ and (1 + uk)⁻ᵖ
BLOCKS = 200  # that rows are gathered into, at most
SHORTEST = 12  # window, in blocks
GROUPS = 10  # of blocks, which the jackknife leaves out one after the other
STARTS = 24  # windows that are tried, evenly spaced; half as many crowd the beginning
AGREE = 2.5  # standard errors that a window may be off its later parts
DRIFT = 3e-4  # of the rate, which passes in any case
SPAN = 4.0  # factor in 1 + uk, below which no power shows
FINEST = 1e-5  # relative precision of θ, beyond which no interval goes
APART = 6.0  # difference in the information criterion that decides between models

SUPERLINEAR = "the errors bend down faster than any ρᵏ to the end: superlinear, or not settled yet; they show no rate"
NEITHER = "neither ρᵏ nor k⁻ᵖ fits these errors, on no window at their end; run longer"
FLAT = "the errors do not decrease, or not clearly; run longer, and check that the run converges to this minimum"


def later_highest(y: np.ndarray) -> np.ndarray:
    """The largest value from each row on."""
    return np.maximum.accumulate(y[::-1])[::-1]


def _swing(y: np.ndarray) -> int:
    """The rows that a block needs to hold a peak; 1 where log e has no dips of a half or deeper."""
    highest = later_highest(y)
    peaks = np.flatnonzero(y >= highest)
    rows, deep = np.diff(peaks), highest[peaks[1:]] - np.minimum.reduceat(y, peaks)[:-1] > math.log(2)
    return int(rows[deep & (rows > 1)].max(initial=1))


class Windows:
    """Fits of the three models on windows that start later and later; arrays have a row a window, a column a model."""

    def __init__(self, k: np.ndarray, y: np.ndarray) -> None:
        self.u = np.geomspace(1, 1e5, 96) / k[-1]
        self._gather(k, y)
        n = len(self.k)
        last = n - max(8, min(SHORTEST, n // 4))
        crowded = np.geomspace(1, last, STARTS // 2)
        self.starts = np.unique(np.r_[np.linspace(0, last, STARTS), crowded].astype(int))
        self.size = n - self.starts
        fits = [self._window(np.arange(start, n)) for start in self.starts]
        self.theta, self.sse, self.lag, self.front, self.span, self.error = map(np.array, zip(*fits, strict=True))
        self.widest = {m: i for m in (PURE, FACTOR, SUBLINEAR) if (i := self._accepted(m)) is not None}

    def _gather(self, k: np.ndarray, y: np.ndarray) -> None:
        """Blocks of rows: the means of k, log(1 + uk) and log e, or half the log of the mean of e² where e dips."""
        swing = _swing(y)
        w = max(min(swing, len(y) // (2 * SHORTEST)), -(-len(y) // BLOCKS), 1)
        k, y = k[len(k) % w :], y[len(y) % w :]
        self.first, self.k = k[::w], _means(k, w)
        self.logs, self.y = _means(np.log1p(np.outer(k, self.u)), w), _means(y, w)
        if swing > 1:
            self.y = _energies(y, np.zeros_like(y), w)
            for _ in range(2):
                seen = np.isfinite(self.y)
                trend = np.polynomial.Polynomial.fit(self.k[seen], self.y[seen], 2)(k)
                self.y = _energies(y, trend, w)
            seen = np.isfinite(self.y)
            self.first, self.k, self.y, self.logs = self.first[seen], self.k[seen], self.y[seen], self.logs[seen]

    def _window(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """What `_fit` finds, and the jackknife's standard error of θ."""
        groups = np.array_split(np.arange(len(rows)), self._groups(len(rows)))
        without = np.array([self._fit(np.delete(rows, group))[0] for group in groups])
        return *self._fit(rows), np.sqrt(without.var(axis=0) * (len(groups) - 1))

    def _groups(self, size: int) -> int:
        return min(GROUPS, size // 2)

    def _fit(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """θ (−log ρ or p), the sum of squares, the residuals' correlation, log C and the span of 1 + uk, by model.

        Least squares: in C and θ by projection, in u on a grid and between its points by a parabola.
        """
        k, y, logs = (v[rows] - v[rows].mean(axis=0) for v in (self.k, self.y, self.logs))
        slope, slopes = k @ y / (k @ k), k @ logs / (k @ k)
        p = -(y @ logs) / np.sum(logs * logs, axis=0)
        pure = y - slope * k
        factor = pure[:, None] - logs + np.outer(k, slopes)
        power = y[:, None] + p * logs
        log_u = np.log(self.u)
        means = self.y[rows].mean(), self.k[rows].mean(), self.logs[rows].mean(axis=0)
        columns = [
            (-slope, pure @ pure, _lag(pure), means[0] - slope * means[1], math.inf),
            _least(factor, slopes - slope, means[0] + (slopes - slope) * means[1] - means[2] + log_u, logs),
            _least(power, p, means[0] + p * (means[2] - log_u), logs),
        ]
        theta, sse, lag, front, span = np.array(columns).T
        return theta, sse + 1e-22 * len(rows), lag, front, span

    def _accepted(self, model: int) -> int | None:
        """The widest window whose θ is that of its later parts, down to half its size."""
        theta, error = self.theta[:, model], self.error[:, model]
        wide = self.size >= max(SHORTEST, self.size[0] / 4)
        if model == SUBLINEAR:
            wide &= self.span[:, model] >= SPAN
        for i in np.flatnonzero(wide):
            later = (self.starts > self.starts[i]) & (self.size >= self.size[i] / 2)
            off = np.abs(theta[later] - theta[i]) - DRIFT * abs(theta[i])
            if np.all(off <= AGREE * error[later]):
                return int(i)
        return None

    def criteria(self, i: int) -> np.ndarray:
        """The models' Bayesian information criteria, with as many data as the correlated residuals are worth."""
        lag = np.clip(self.lag[i, np.argmin(self.sse[i])], 0, 0.95)
        n = max(4.0, self.size[i] * (1 - lag) / (1 + lag))
        return n * np.log(self.sse[i]) + np.array([0, 1, 0]) * 2 * math.log(n)

    def model(self) -> int:
        """The model that the data choose: first the kind, on its latest window and else on the widest one."""
        if not self._falls():
            raise ValueError(FLAT)
        if not self.widest:
            raise ValueError(SUPERLINEAR if self._steeper() else NEITHER)
        linear = {m: i for m, i in self.widest.items() if m != SUBLINEAR}
        sublinear = {m: i for m, i in self.widest.items() if m == SUBLINEAR}
        for i in sorted((min(kind.values()) for kind in (linear, sublinear) if kind), reverse=True):
            *rates, power = self.criteria(i)
            if abs(min(rates) - power) >= APART:
                break
        else:
            raise ValueError("ρᵏ and k⁻ᵖ fit these errors alike; run longer")
        kind = sublinear if power < min(rates) else linear
        if not kind:
            raise ValueError(NEITHER)
        criteria = self.criteria(min(kind.values()))
        return min(kind, key=lambda m: criteria[m])

    def _steeper(self) -> bool:
        theta = self.theta[:, PURE]
        return bool(theta[-1] > 1.1 * theta[0] > 0 and np.mean(np.diff(theta) > 0) > 0.8)

    def interval(self, model: int, level: float) -> tuple[float, ...]:
        """The first iteration, θ, its bounds, and log C; the bounds hold the other degree's where neither is chosen."""
        i, half = self.widest[model], self._half(model, level)
        theta, front = float(self.theta[i, model]), float(self.front[i, model])
        low, high = theta - half, theta + half
        other = FACTOR - model
        if other in self.widest and model != SUBLINEAR and self._alike(model, other):
            theirs, half = float(self.theta[self.widest[other], other]), self._half(other, level)
            low, high = min(low, theirs - half), max(high, theirs + half)
        if low <= 0:
            raise ValueError(FLAT)
        return float(self.first[self.starts[i]]), theta, low, high, front

    def _alike(self, model: int, other: int) -> bool:
        """Whether the criterion does not choose between two models."""
        criteria = self.criteria(min(self.widest[model], self.widest[other]))
        return bool(criteria[other] - criteria[model] < APART)

    def _falls(self) -> bool:
        """Whether log e falls by more than thrice its scatter about a line."""
        k, y = self.k - self.k.mean(), self.y - self.y.mean()
        slope = k @ y / (k @ k)
        return bool(-slope * np.ptp(k) > 3 * np.std(y - slope * k))

    def _half(self, model: int, level: float) -> float:
        """Half the interval's width: the jackknife's, and the spread over windows somewhat shorter."""
        from scipy.special import stdtrit

        i = self.widest[model]
        t = stdtrit(self._groups(int(self.size[i])) - 1, (1 + level) / 2)
        near = (self.starts >= self.starts[i]) & (self.size >= 0.7 * self.size[i])
        spread = np.abs(self.theta[near, model] - self.theta[i, model]).max()
        return math.hypot(t * self.error[i, model], float(spread)) + FINEST * abs(float(self.theta[i, model]))


def _means(v: np.ndarray, w: int) -> np.ndarray:
    """Over blocks of w rows."""
    return v.reshape(-1, w, *v.shape[1:]).mean(axis=1)


def _energies(y: np.ndarray, trend: np.ndarray, w: int) -> np.ndarray:
    """Log of the root mean square over blocks of w rows, which dips do not sink; the trend within a block is undone."""
    off = y - trend
    with np.errstate(divide="ignore"):
        return _means(trend, w) + off.max() + 0.5 * np.log(_means(np.exp(2 * (off - off.max())), w))


def _lag(residuals: np.ndarray) -> float:
    """The correlation of each residual with the next."""
    return float(residuals[1:] @ residuals[:-1] / max(residuals @ residuals, 1e-300))


def _least(residuals: np.ndarray, theta: np.ndarray, front: np.ndarray, logs: np.ndarray) -> tuple[float, ...]:
    """θ, the sum of squares, the correlation, log C and the span of 1 + uk, at the u where the sum is least."""
    sse = np.sum(residuals**2, axis=0)
    i = int(np.argmin(sse))
    lag, span = _lag(residuals[:, i]), math.exp(np.ptp(logs[:, i]))
    if not 0 < i < len(sse) - 1:
        return theta[i], sse[i], lag, front[i], span
    a, b, c = sse[i - 1 : i + 2]
    t = (a - c) / (a - 2 * b + c) / 2 if a + c > 2 * b else 0.0
    weights = np.array([t * (t - 1) / 2, 1 - t * t, t * (t + 1) / 2])
    near = slice(i - 1, i + 2)
    return theta[near] @ weights, max(float(sse[near] @ weights), 0.0), lag, front[near] @ weights, span
