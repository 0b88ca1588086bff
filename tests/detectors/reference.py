"""Scores of the unknown in NumPy, from the papers' formulas, larger = more unknown. Written for the tests: plain, slow, in double.

A store is a dict: logits [n, C], features [n, D], labels [n] (-1: none), weight [C, D], bias [C].
`scores(train, test)` gives every method's score of the test's rows, fitted on the train's; OpenMax has a reference of its own.
"""

import numpy as np

SMALLEST_SHARE = 1e-6  # eigenvalues below this share of the largest are dropped


def double(store):
    return {name: values.astype(np.float64) if values.dtype.kind == "f" else values for name, values in store.items()}


def lse(values):
    top = values.max(-1, keepdims=True)
    return (top + np.log(np.exp(values - top).sum(-1, keepdims=True)))[..., 0]


def softmax(logits):
    return np.exp(logits - lse(logits)[:, None])


def unit(features):
    lengths = np.sqrt((features ** 2).sum(1, keepdims=True))
    return np.divide(features, lengths, out=np.zeros_like(features), where=lengths > 0)


# ---- of logits


def entropy(logits):
    log_p = logits - lse(logits)[:, None]
    return -(np.exp(log_p) * log_p).sum(1)


def gen(logits, gamma=0.1, m=100):
    scores = []
    for row in logits:
        terms = []
        for c in np.argsort(-row, kind="stable")[:m]:
            others = np.delete(row, c)
            log_p, log_rest = row[c] - lse(row), lse(others) - lse(row)
            terms.append(np.exp(gamma * (log_p + log_rest)))
        scores.append(sum(terms))
    return np.array(scores)


def temperature(train, logits):
    """By bisection of the derivative of the mean log loss in b = 1/T, 0.02 to 50."""
    known = train["labels"] >= 0
    v, y = train["logits"][known], train["labels"][known]

    def slope(b):
        return ((softmax(b * v) * v).sum(1) - v[np.arange(len(v)), y]).mean()

    low, high = 0.02, 50.0
    if slope(low) >= 0:
        high = low
    elif slope(high) <= 0:
        low = high
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return -softmax(logits * (low + high) / 2).max(1)


def kl_matching(train, logits):
    predicted, p_train = train["logits"].argmax(1), softmax(train["logits"])
    templates = [p_train[predicted == c].mean(0) if (predicted == c).any() else np.eye(logits.shape[1])[c]
                 for c in range(logits.shape[1])]
    log_p = logits - lse(logits)[:, None]
    p = np.exp(log_p)
    with np.errstate(divide="ignore"):
        return np.min([(p * (log_p - np.maximum(np.log(d), -745))).sum(1) for d in templates], axis=0)


# ---- of features


def pseudo_inverse(matrix):
    values, vectors = np.linalg.eigh(matrix)
    kept = values > SMALLEST_SHARE * values.max()
    return (vectors[:, kept] / values[kept]) @ vectors[:, kept].T


def mahalanobis(train, test, relative, l2):
    f, g = (unit(train["features"]), unit(test["features"])) if l2 else (train["features"], test["features"])
    y = train["labels"]
    present = [c for c in range(train["logits"].shape[1]) if (y == c).any()]
    means = {c: f[y == c].mean(0) for c in present}
    centred = np.concatenate([f[y == c] - means[c] for c in present])
    inverse = pseudo_inverse(centred.T @ centred / len(centred))
    distance = lambda rows, mean, metric: (((rows - mean) @ metric) * (rows - mean)).sum(1)
    nearest = np.min([distance(g, means[c], inverse) for c in present], axis=0)
    if not relative:
        return nearest
    mean = f.mean(0)
    return nearest - distance(g, mean, pseudo_inverse((f - mean).T @ (f - mean) / len(f)))


def knn(train, test, k=50):
    f, g = unit(train["features"]), unit(test["features"])
    return np.array([np.sort(np.sqrt(((f - row) ** 2).sum(1)))[min(k, len(f)) - 1] for row in g])


def outside_principal_space(train, usual):
    """f -> |R'(f - o)| on the training features' principal space."""
    columns = train["features"].shape[1]
    dim = usual if usual < columns else columns // 2
    origin = -np.linalg.pinv(train["weight"], rcond=np.sqrt(SMALLEST_SHARE)) @ train["bias"]
    moved = train["features"] - origin
    _, vectors = np.linalg.eigh(moved.T @ moved / len(moved))
    rest = vectors[:, ::-1][:, dim:]
    return lambda features: np.linalg.norm((features - origin) @ rest, axis=1)


def vim(train, test):
    outside = outside_principal_space(train, 256)
    alpha = train["logits"].max(1).mean() / outside(train["features"]).mean()
    return alpha * outside(test["features"]) - lse(test["logits"])


def energy_of(train, features, weight=None):
    return -lse(features @ (train["weight"] if weight is None else weight).T + train["bias"])


def react(train, test, percent=90):
    return energy_of(train, np.minimum(test["features"], np.percentile(train["features"], percent)))


def largest(features, percent):
    """A mask of the largest values of each row: of equal ones the first."""
    columns = features.shape[1]
    kept = max(columns - int(np.round(columns * percent / 100)), 1)
    mask = np.zeros(features.shape, bool)
    np.put_along_axis(mask, np.argsort(-features, axis=1, kind="stable")[:, :kept], True, 1)
    return mask, kept


def scale(train, test, percent=85):
    f = test["features"]
    total, held = f.sum(1), np.where(largest(f, percent)[0], f, 0).sum(1)
    ratio = np.where(held == 0, 1, total / np.where(held == 0, 1, held))
    return energy_of(train, f * np.exp(ratio)[:, None])


def ash(train, test, percent=90):
    f = test["features"]
    mask, kept = largest(f, percent)
    return energy_of(train, np.where(mask, f.sum(1, keepdims=True) / kept, 0))


def she(train, test):
    f, y, predicted = train["features"], train["labels"], train["logits"].argmax(1)
    patterns = []
    for c in range(train["logits"].shape[1]):
        rows = f[(y == c) & (predicted == c)]
        rows = rows if len(rows) else f[y == c]
        patterns.append(rows.mean(0) if len(rows) else np.zeros(f.shape[1]))
    return -(test["features"] * np.array(patterns)[test["logits"].argmax(1)]).sum(1)


def fdbd(train, test):
    w, mean = train["weight"], train["features"].mean(0)
    scores = []
    for f, v in zip(test["features"], test["logits"]):
        top = v.argmax()
        apart = np.linalg.norm(w - w[top], axis=1)
        far = sum(abs(v[c] - v[top]) / apart[c] for c in range(len(v)) if apart[c] > 0)
        scores.append(-far / np.linalg.norm(f - mean))
    return np.array(scores)


def nci(train, test, alpha=1e-4):
    centred = test["features"] - train["features"].mean(0)
    weight = train["weight"][test["logits"].argmax(1)]
    return -((weight * centred).sum(1) / np.linalg.norm(centred, axis=1) + alpha * np.abs(test["features"]).sum(1))


def nnguide(train, test, k=100):
    guides = unit(train["features"]) * lse(train["logits"])[:, None]
    similar = np.sort(unit(test["features"]) @ guides.T, axis=1)[:, ::-1]
    return -lse(test["logits"]) * similar[:, :k].mean(1)


def dice(train, test, percent=90):
    contributions = train["features"].mean(0) * train["weight"]
    return energy_of(train, test["features"],
                     np.where(contributions > np.percentile(contributions, percent), train["weight"], 0))


def gradnorm(test):
    classes = test["logits"].shape[1]
    return -np.abs(classes * softmax(test["logits"]) - 1).sum(1) * np.abs(test["features"]).sum(1)


def scores(train, test):
    """Method -> [rows of the test]."""
    train, test = double(train), double(test)
    v = test["logits"]
    return {
        "msp": -softmax(v).max(1), "max-logit": -v.max(1), "energy": -lse(v), "entropy": entropy(v), "gen": gen(v),
        "temperature": temperature(train, v), "kl-matching": kl_matching(train, v),
        "mahalanobis": mahalanobis(train, test, False, False), "relative-mahalanobis": mahalanobis(train, test, True, False),
        "mahalanobis-l2": mahalanobis(train, test, False, True), "relative-mahalanobis-l2": mahalanobis(train, test, True, True),
        "knn": knn(train, test), "vim": vim(train, test), "residual": outside_principal_space(train, 512)(test["features"]),
        "react": react(train, test), "scale": scale(train, test), "ash": ash(train, test), "she": she(train, test),
        "fdbd": fdbd(train, test), "nci": nci(train, test), "nnguide": nnguide(train, test), "dice": dice(train, test),
        "gradnorm": gradnorm(test),
    }
