"""OpenMax in float64 NumPy, written from its formulas for the tests: what openset fit and score must agree with.

    fit(logits, labels, distance=..., tail_size=..., translate=...) -> Fit
    probabilities(fit, logits, alpha=..., weights=..., fix=...) -> [n, classes + 1], unknown last

Rows are correct where the first largest logit is that of the label. A class with fewer than three correct rows, or with a tail of
equal distances, follows the policy `step`: W-score 0 up to its largest distance, 1 beyond, 1 everywhere where it has no row.
"""

from dataclasses import dataclass

import numpy as np


def distances(kind, rows, mean):
    """[n] from each row to a mean."""
    euclidean = np.sqrt(((rows - mean) ** 2).sum(axis=1))
    norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(mean)
    cosine = np.where(norms > 0, 1 - rows @ mean / np.where(norms > 0, norms, 1), 1)
    return {"euclidean": euclidean, "squared-euclidean": euclidean**2, "cosine": cosine, "eucos": euclidean / 200 + cosine}[kind]


def weibull_tail(tail, translate):
    """(smallest, translate, shape, scale) of the two-parameter law on tail - smallest + translate; None where there is none."""
    if len(tail) < 3:
        return None
    smallest, span = tail.min(), tail.max() - tail.min()
    if span <= 8 * 2.0**-52 * np.abs([tail.max(), smallest]).max():
        return None
    move = span if translate == "auto" else float(translate)
    logs = np.log1p((tail - smallest) / move)  # ln(x / move)

    def slope(shape):
        """Of the profile likelihood, falling in the shape: its root is the fit."""
        weights = np.exp(shape * (logs - logs.max()))
        return 1 / shape + logs.mean() - (weights * logs).sum() / weights.sum()

    low = high = 1.0
    while slope(low) < 0:
        low /= 2
    while slope(high) > 0:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    shape = (low + high) / 2
    scale = np.exp(logs.max() + np.log(np.exp(shape * (logs - logs.max())).mean()) / shape)
    return smallest, move, shape, scale  # scale in units of move


@dataclass
class Tail:
    mean: np.ndarray  # None: no row
    largest: float
    law: tuple  # None: no fit

    def w(self, d):
        if self.law is None:
            return np.ones_like(d) if self.mean is None else (d > self.largest).astype(float)
        smallest, move, shape, scale = self.law
        x = np.maximum((d - smallest) / move + 1, 0)
        return -np.expm1(-((x / scale) ** shape))


@dataclass
class Fit:
    distance: str
    tails: list


def fit(logits, labels, distance, tail_size, translate):
    logits = np.asarray(logits, np.float64)
    tails = []
    for c in range(logits.shape[1]):
        rows = logits[(labels == c) & (logits.argmax(axis=1) == c)]
        if len(rows) == 0:
            tails.append(Tail(None, np.nan, None))
            continue
        mean = rows.mean(axis=0)
        tail = np.sort(distances(distance, rows, mean))[::-1][:tail_size]
        tails.append(Tail(mean, tail[0], weibull_tail(tail, translate)))
    return Fit(distance, tails)


def w_scores(fitted, logits):
    """[n, classes]"""
    columns = []
    for tail in fitted.tails:
        d = np.zeros(len(logits)) if tail.mean is None else distances(fitted.distance, logits, tail.mean)
        columns.append(tail.w(d))
    return np.stack(columns, axis=1)


def rank_weights(logits, alpha, weights):
    """[n, classes]: the weight of each class's rank, ties to the lower class."""
    n, classes = logits.shape
    a = min(alpha, classes)
    order = np.argsort(-logits, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(1, classes + 1), (n, classes)), axis=1)
    weight = {"osdn": (a + 1 - rank) / a, "paper": (a - rank) / a, "uniform": np.ones((n, classes))}[weights]
    return np.where(rank <= a, weight, 0)


def softmax(values):
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def probabilities(fitted, logits, alpha, weights, fix):
    logits = np.asarray(logits, np.float64)
    given = rank_weights(logits, alpha, weights) * w_scores(fitted, logits)
    if fix == "probability":
        p = softmax(logits)
        return np.column_stack([p * (1 - given), (p * given).sum(axis=1)])
    if fix == "shift":
        logits = logits - logits.min(axis=1, keepdims=True)
    part = {"none": logits, "shift": logits, "clamp": np.maximum(logits, 0), "abs": np.abs(logits)}[fix]
    return softmax(np.column_stack([logits - part * given, (part * given).sum(axis=1)]))
