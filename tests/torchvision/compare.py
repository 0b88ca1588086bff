"""openset against Python on torchvision's ResNets: compare.py FOLDER (as make_reference.py wrote it)"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
from openset_program import Comparison, infer, softmax_logits  # noqa: E402

folder = Path(sys.argv[1])
comparison = Comparison()
compared = 0
for net in ("resnet18", "resnet50"):
    reference = json.loads((folder / f"{net}_logits.json").read_text())
    for kind in ("scripted", "traced"):
        model = folder / f"{net}_{kind}.pt"
        rows = infer({"classifier": {"model": str(model)}}, ["--closed-set", "--top", 100, folder / "pictures"])
        for name, expected in reference.items():
            logits = softmax_logits(rows[f"{folder}/pictures/{name}"])
            for label, logit in logits.items():
                comparison.close(f"{model.name} {name}", f"logit of {model.name}", logit, expected[label], 1e-4)
            compared += 1
comparison.finish(compared, 2 * 2 * 6)
