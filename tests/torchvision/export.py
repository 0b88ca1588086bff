"""scripts/export_torchvision.py on weights made on the spot: what openset says of the networks it writes."""

import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import torch
    import torchvision
except ImportError as error:
    print(f"skipped: {error}; scripts/setup installs python3-torchvision")
    sys.exit(77)

ROOT = Path(__file__).resolve().parents[2]
OPENSET = Path(os.environ["OPENSET_BIN"]) / "openset"
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("export_torchvision", ROOT / "scripts/export_torchvision.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)


def network(arch, classes):
    torch.manual_seed(5)
    return torchvision.models.get_model(arch, weights=None, num_classes=classes).eval()


class Export(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="openset-export-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "labels.txt").write_text("ant\nbee\ncat\n")

    def saved(self, content, name="weights.pth"):
        torch.save(content, self.folder / name)
        return str(self.folder / name)

    def export(self, *arguments, code=0, output="out.pt", labels="labels.txt"):
        """Runs the script; what it says."""
        more = ["--labels", str(self.folder / labels)] if labels else []
        with contextlib.redirect_stderr(io.StringIO()) as messages:
            ended = script.main([*map(str, arguments), "-o", str(self.folder / output), *more])
        self.assertEqual(ended, code, messages.getvalue())
        return messages.getvalue()

    def openset(self, *arguments):
        result = subprocess.run([OPENSET, *map(str, arguments)], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def described(self, output="out.pt"):
        return json.loads(self.openset("inspect", self.folder / output, "-f", "json"))

    def assert_same_logits(self, expected, output="out.pt", size=64):
        reloaded = torch.jit.load(str(self.folder / output))
        pictures = torch.rand(5, 3, size, size)
        with torch.no_grad():
            self.assertLess(float((reloaded(pictures) - expected(pictures)).abs().max()), 1e-4)

    def test_a_checkpoint_of_parallel_training_with_another_head(self):
        net = network("resnet18", 3)
        weights = {"module." + name: tensor for name, tensor in net.state_dict().items()}
        messages = self.export("resnet18", "--weights", self.saved({"epoch": 3, "state_dict": weights}), "--resize", "64x64")
        self.assertRegex(messages, "read again, its logits agree within")
        self.assertEqual(list(self.folder.glob("*.partial")), [])
        info = self.described()["info"]
        self.assertEqual(info["labels"], ["ant", "bee", "cat"])
        self.assertEqual((info["name"], info["arch"], info["head"]), ("out", "resnet18", "fc"))
        self.assertEqual((info["preprocess"]["resize"]["mode"], info["preprocess"]["resize"]["size"]), ("squash", [64, 64]))
        self.assertEqual(info["preprocess"]["crop"], [64, 64])
        self.assert_same_logits(net)
        self.assertIn("exists already", self.export("resnet18", "--weights", self.folder / "weights.pth", code=1))

    def test_a_network_of_another_family_runs_in_openset(self):
        net = network("mobilenet_v2", 3)
        self.export("mobilenet_v2", "--weights", self.saved({"model": net.state_dict()}), "--resize", "64", "--crop", "64", "--activation", "sigmoid")
        info = self.described()["info"]
        self.assertEqual((info["head"], info["activation"]), ("classifier.1", "sigmoid"))
        self.assertIn("agrees with the one that was saved", self.openset("doctor", "--model", self.folder / "out.pt"))

    def test_a_linear_behind_a_dropout_is_the_head_all_the_same(self):
        net = network("resnet18", 1000)
        net.fc = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Linear(512, 3))
        self.export("resnet18", "--weights", self.saved(net.state_dict()))
        self.assert_same_logits(net.eval())

    def test_auxiliary_heads_are_left_behind(self):
        torch.manual_seed(5)
        net = torchvision.models.googlenet(weights=None, num_classes=3, init_weights=False).eval()
        self.assertIn("traced", self.export("googlenet", "--weights", self.saved(net.state_dict())))
        self.assert_same_logits(net, size=224)

    def test_what_does_not_fit_is_told_in_one_line(self):
        weights = self.saved(network("resnet18", 3).state_dict())
        for arguments, words in [
            (("resnet50", "--weights", weights), "they are those of a resnet18"),
            (("vgg11", "--weights", weights), "has no classifier.6, expected vgg11's last layer as classifier.6.weight; they are those of a resnet18"),
            (("resnet18", "--weights", self.folder / "nowhere.pth"), "no such file"),
            (("resnet18", "--weights", self.folder / "labels.txt"), "cannot be read as weights"),
            (("resnet18", "--weights", self.saved([1, 2], "list.pth")), "found list, expected a state_dict"),
            (("resnet18", "--weights", "IMAGENET1K_V9"), "which has IMAGENET1K_V1"),
            (("resnet19", "--weights", weights), "no such classifier in torchvision"),
        ]:
            messages = self.export(*arguments, code=1).splitlines()
            self.assertIn(words, messages[-1])
            self.assertFalse((self.folder / "out.pt").exists())
        (self.folder / "two.txt").write_text("a\nb\n")
        self.assertIn("found 2 lines, expected 3 labels", self.export("resnet18", "--weights", weights, labels="two.txt", code=1))
        self.assertIn("not ImageNet's 1000", self.export("resnet18", "--weights", weights, labels=None, code=1))

    def test_whole_modules_run_code_and_have_to_be_trusted(self):
        net = network("resnet18", 3)
        weights = self.saved(net)
        self.assertIn("--trust", self.export("resnet18", "--weights", weights, code=1))
        self.export("resnet18", "--weights", weights, "--trust")
        self.assert_same_logits(net)

    def test_weights_that_cannot_be_downloaded(self):
        def refuse(*_, **__):
            raise script.urllib.error.URLError("no network")

        original, script.torchvision.models.get_model = script.torchvision.models.get_model, refuse
        try:
            messages = self.export("resnet18", labels=None, code=1)
        finally:
            script.torchvision.models.get_model = original
        self.assertRegex(messages, r"cannot download https://.*resnet18.*no network.*--weights FILE --labels imagenet")

    def test_published_transforms_become_the_description(self):
        for arch, name, size in [("resnet18", "IMAGENET1K_V1", 256), ("resnet50", "IMAGENET1K_V2", 232)]:
            preprocess = script.preprocess_of(torchvision.models.get_model_weights(arch)[name])
            self.assertEqual(preprocess, {**script.IMAGENET, "resize": {"mode": "shorter-side", "size": size, "interpolation": "bilinear"}})

    def test_the_reference_config_becomes_networks_and_a_config_that_a_dry_run_takes(self):
        source = self.folder / "source"
        (source / "models").mkdir(parents=True)
        config = source / "classification.config"
        config.write_text((ROOT / "tests/data/classification.config").read_text())
        torch.save(network("resnet18", 2).state_dict(), source / "models/spaniel_or_not.pth")
        torch.save(network("resnet50", 3).state_dict(), source / "models/spaniels.pth")
        gate = self.saved(network("resnet18", 1000).state_dict(), "gate.pth")
        with contextlib.redirect_stderr(io.StringIO()) as messages:
            arguments = ["--from-config", str(config), "--name", "spaniels", "-o", str(self.folder / "out"), "--weights", gate]
            self.assertEqual(script.main([*arguments, "--openset", str(OPENSET)]), 0, messages.getvalue())
        self.assertEqual(self.described("out/models/spaniels.pt")["info"]["labels"], ["Cocker", "Springer", "Clumber"])
        self.assertEqual(self.described("out/models/spaniels.pt")["info"]["arch"], "resnet50")
        self.assertEqual(len(self.described("out/imagenet.pt")["info"]["labels"]), 1000)
        self.openset("infer", "-c", self.folder / "out/spaniels.json", "--dry-run")


if __name__ == "__main__":
    unittest.main(verbosity=2)
