"""Networks that openset builds against torchvision's: built.py FOLDER (as make_built_networks wrote it)

Python opens the archives; a state_dict fits both ways; the same weights give the same numbers, also while learning.
"""

import sys
import unittest
from pathlib import Path

try:
    import torch
    import torchvision
except ImportError as error:
    print(f"skipped: {error}; scripts/setup installs python3-torchvision")
    sys.exit(77)

FOLDER = Path(sys.argv.pop(1))


class Built(unittest.TestCase):
    def test_resnets_are_torchvisions(self):
        for name in ("resnet18", "resnet34", "resnet50"):
            with self.subTest(name):
                built = torch.jit.load(str(FOLDER / f"{name}.pt"))
                reference = torchvision.models.get_model(name, weights=None, num_classes=10)
                shapes = {key: value.shape for key, value in reference.state_dict().items()}
                self.assertEqual({key: value.shape for key, value in built.state_dict().items()}, shapes)

                reference.load_state_dict(built.state_dict())
                torch.manual_seed(5)
                pictures = torch.rand(3, 3, 96, 80)
                for network in (built, reference):  # statistics move as well
                    network.train()
                with torch.no_grad():
                    torch.testing.assert_close(built(pictures), reference(pictures))
                for (key, one), other in zip(reference.state_dict().items(), built.state_dict().values()):
                    torch.testing.assert_close(one, other, msg=key)
                for network in (built, reference):
                    network.eval()
                with torch.no_grad():
                    torch.testing.assert_close(built(pictures), reference(pictures))

                built.load_state_dict(torchvision.models.get_model(name, weights=None, num_classes=10).state_dict())

    def test_dhrnet_opens_and_gives_logits_latents_and_the_picture(self):
        built = torch.jit.load(str(FOLDER / "dhrnet.pt"))
        pictures = torch.rand(2, 3, 32, 32)
        outputs = built(pictures)
        self.assertEqual({key: tuple(value.shape) for key, value in outputs.items()}, {"logits": (2, 10), "latents": (2, 96)})
        logits, picture = built.reconstruct(pictures)
        torch.testing.assert_close(logits, outputs["logits"])
        self.assertEqual(picture.shape, pictures.shape)


if __name__ == "__main__":
    unittest.main(verbosity=2)
