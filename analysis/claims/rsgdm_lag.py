"""RSGDM lags behind a gradient that drifts as momentum does, but for β of a step.

An average whose weights fall off by β is βc/(1 − β) behind ḡₜ = ct, as its gradients are β/(1 − β) steps old. RSGDM
is β²c/(1 − β) behind: at β = 0.9 that is 8.1 steps in place of 9, at 0.99 it is 98 in place of 99. The correction
gains β of a step whatever the average's memory, and cannot make up for a long one. To undo the average's start at
zero, as Adam does, does not help at all.

Gradients that swing tell the same by frequency. At every frequency the direction of RSGDM is ahead of momentum's,
by arg(1 + β − βe^(−iω)), the phase of a gradient plus β times its difference, and passes more of what is fast.
"""

import numpy as np

import momentumlab as ml

from ..claim import HOLDS, Claim, Evidence, Fact
from ..driven import directions
from ..figures import BOUND, panels, style

BETAS, STEPS, C = (0.5, 0.9, 0.99), 3000, 1.0
OMEGAS = np.pi * np.array([*np.geomspace(0.003, 0.5, 20), 0.65, 0.8, 0.9, 0.97])


def lags(rule: ml.Rule, beta: float) -> np.ndarray:
    """How far the direction is behind gradients that grow by c a step."""
    ramp = C * np.arange(1, STEPS + 1)[:, None]
    return (ramp - directions(rule(lr=1, beta=beta), ramp))[:, 0]


def behind(rule: ml.Rule, beta: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """The phase by which the direction is behind gradients of each frequency, and its size over theirs."""
    k = np.arange(1, 801)[:, None]
    cosine, sine = (directions(rule(lr=1, beta=beta), part)[-1] for part in (np.cos(OMEGAS * k), np.sin(OMEGAS * k)))
    answer = (cosine + 1j * sine) * np.exp(-1j * OMEGAS * k[-1])
    return -np.angle(answer), np.abs(answer)


def experiment(rule: ml.Rule = ml.rsgdm) -> Evidence:
    facts, found, ramps = [], [], {}
    for beta in BETAS:
        plain, corrected = lags(ml.heavy_ball_ema, beta), lags(rule, beta)
        facts.append(
            Fact(f"lag of the corrected direction / of momentum, β = {beta}", corrected[-1] / plain[-1], "<", 1 - 1e-9)
        )
        found.append(
            Fact(f"lag of momentum, β = {beta}, and βc/(1 − β)", plain[-1], "=", beta * C / (1 - beta), within=1e-6)
        )
        at = lags(ml.rsgdm, beta)[-1]
        found.append(Fact(f"lag of RSGDM, β = {beta}, and β²c/(1 − β)", at, "=", beta**2 * C / (1 - beta), within=1e-6))
        ramps[beta] = plain, corrected
    (phase, gain), (ahead, more) = behind(ml.heavy_ball_ema), behind(rule)
    facts.append(
        Fact("largest phase lag at a frequency / that of momentum, β = 0.9", (ahead / phase).max(), "<", 1 - 1e-9)
    )
    ours, theory = behind(ml.rsgdm)[0], np.angle(1.9 - 0.9 * np.exp(-1j * OMEGAS))
    found.append(
        Fact(
            "largest error of the gain in phase, arg(1 + β − βe^(−iω))", np.abs(phase - ours - theory).max(), "≤", 1e-9
        )
    )
    return Evidence(facts, found=found, curves={"ramp": ramps[0.9], "phase": (phase, ahead), "gain": (gain, more)})


def figure(evidence: Evidence):
    figure, (left, middle, right) = panels(3, width=3.0)
    for j, label in enumerate(("momentum", "RSGDM")):
        left.plot(np.arange(1, 81), evidence.curves["ramp"][j][:80], label=label, **style(j))
        left.axhline(0.9 ** (j + 1) / 0.1, **BOUND)
        middle.plot(OMEGAS / np.pi, np.degrees(evidence.curves["phase"][j]), marker="o", markersize=3, **style(j))
        right.plot(OMEGAS / np.pi, evidence.curves["gain"][j], marker="o", markersize=3, **style(j))
    left.set(xlabel="$t$", ylabel=r"lag behind $\bar g_t = t$, $\beta = 0.9$")
    left.legend(fontsize=7, loc="lower right")
    middle.set(xlabel=r"frequency $\omega/\pi$", ylabel="phase lag, degrees", xscale="log")
    right.set(xlabel=r"frequency $\omega/\pi$", ylabel="gain", xscale="log", yscale="log")
    return figure


CLAIM = Claim(
    text=__doc__,
    source="Yuan & Hu, RSGDM",
    statement="Corrected by averaged differences, momentum lags less behind the gradient.",
    verdict=HOLDS,
    because="On a ramp by β of a step: β²c/(1 − β) in place of βc/(1 − β).",
    experiment=experiment,
    figure=figure,
    flip={"rule": ml.heavy_ball_ema_corrected},
)
