"""The whole chain on real photographs: every row of data/spaniels/reference.csv."""

import json

from openset_program import SHARED, Comparison, infer, need_shared, read_csv

need_shared("data/spaniels/reference.csv", "models/imagenet_effnetlite0.pt")
models = SHARED / "models"
photos = SHARED / "data" / "spaniels"
domain = json.loads((photos / "domain.json").read_text())
family = domain["family_class"]
rows = infer(
    {
        "gate": {"model": str(models / "imagenet_effnetlite0.pt"), "accept": domain["imagenet_ids"], "k": domain["top_k"]},
        "species": {"model": str(models / "spaniel_or_not_effnetlite0.pt"), "accept": [family]},
        "classifier": {"model": str(models / "spaniels7_effnetlite0.pt")},
    },
    [photos],
    allowed_codes=(0, 3),  # the references lie among the photos; they are rows too, as no pictures
)

reference = read_csv(photos / "reference.csv")
comparison = Comparison()
near_ties = compared = 0
for expected in reference:
    path = expected["path"]
    row = rows[f"{photos}/{path}"]
    verdict = "unknown" if expected["verdict"].startswith("rejected:") else expected["verdict"]
    decided = (row["decided_by"], row["verdict"])
    if expected["near_tie"] == "1" and decided != (expected["stage"], verdict):
        near_ties += 1
        compared += 1
        continue
    comparison.equal(path, "(decided_by, verdict)", decided, (expected["stage"], verdict))
    comparison.close(path, "gate mass", row["gate"]["mass"], float(expected["gate_mass"]), 1e-4)
    comparison.close(path, "gate top-1 probability", row["gate"]["probability"], float(expected["gate_top1_prob"]), 1e-4)
    if "species" in row:
        accepted = row["species"]["probability"] if row["species"]["label"] == family else 1 - row["species"]["probability"]
        comparison.close(path, "species probability", accepted, float(expected["species_prob"]), 1e-4)
    if "classifier" in row:
        comparison.close(path, "class probability", row["classifier"]["probability"], float(expected["class_prob"]), 1e-4)
        comparison.close(path, "largest logit", row["classifier"]["max_logit"], float(expected["max_logit"]), 1e-4)
    compared += 1
print(f"near ties that went the other way: {near_ties}")
comparison.finish(compared, len(reference))
