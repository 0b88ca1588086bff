"""Closed-set logits of every picture against the stored ones: logits.py softmax|sigmoid|cifar10"""

import sys

import numpy
from openset_program import SHARED, Comparison, infer, need_shared, read_csv, sigmoid_logits, softmax_logits

SETS = {
    "softmax": [("spaniels", "reference.csv", "spaniels7_effnetlite0.pt", "logits.npy", 1e-4, softmax_logits)],
    "sigmoid": [("spaniels", "reference.csv", "spaniels7_sigmoid_effnetlite0.pt", "logits_sigmoid.npy", 1e-4, sigmoid_logits)],
    "cifar10": [
        ("cifar10", "images.csv", f"cifar10_resnet{depth}.pt", f"resnet{depth}_images_logits.npy", 1e-3, softmax_logits)
        for depth in (20, 44)
    ],
}

comparison = Comparison()
compared = listed = 0
for folder, table, model, logits_file, tolerance, logits_of in SETS[sys.argv[1]]:
    need_shared(f"data/{folder}/{table}", f"data/{folder}/{logits_file}", f"models/{model}")
    data = SHARED / "data" / folder
    samples = read_csv(data / table)
    expected = numpy.load(data / logits_file)
    listed += len(expected)
    rows = infer(
        {"classifier": {"model": str(SHARED / "models" / model)}},
        ["--closed-set", "--top", expected.shape[1], data],
        allowed_codes=(0, 3),  # the tables beside the pictures are rows too, as no pictures
    )
    for sample, expected_logits in zip(samples, expected):
        row = rows[f"{data}/{sample['path']}"]
        where = f"{model} {sample['path']}"
        comparison.equal(where, "decided_by", row["decided_by"], "classifier")
        comparison.equal(where, "top-1", row["classifier"]["id"], int(expected_logits.argmax()))
        for label, logit in logits_of(row).items():
            comparison.close(where, f"logit of {model}", logit, float(expected_logits[label]), tolerance)
        compared += 1
comparison.finish(compared, listed)
