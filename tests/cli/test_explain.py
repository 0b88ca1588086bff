"""openset infer --explain: one picture's way told as a story, wherever it ends."""

import json
import pathlib
import tarfile

from openset_cli import PICTURES, CliTest, classifier_config, fruit_config, main

PNG = b"\x89PNG\r\n\x1a\n"


class Explain(CliTest):
    def story(self, picture, *flags, code=0, **options):
        return self.infer("--explain", picture, *flags, code=code, **options).text

    def percent(self, probability):
        return f"{100 * probability:.1f} %"

    def test_a_known_picture_is_followed_to_its_name(self):
        (row,) = self.rows(PICTURES / "tomato.png")
        text = self.story(PICTURES / "tomato.png")
        self.assertIn("tomato.png, 96 x 96 pixels", text)
        for heading in ("Gate: is this our kind of thing at all?", "Species filter: is it our family?", "Classifier: which one is it?"):
            self.assertIn(heading, text)
        self.assertIn("sees 32 x 32 pixels: shorter side resized to 32 (bilinear), centre of 32 x 32 cut out", text)
        self.assertIn(f"tomato is the likeliest with {self.percent(row['probability'])}, and at least 60.0 % is needed", text)
        self.assertTrue(text.rstrip().endswith(f"Verdict: tomato, with a probability of {self.percent(row['probability'])}."), text)

    def test_the_gate_lists_its_likeliest_labels_and_which_are_accepted(self):
        lines = self.story(PICTURES / "tomato.png").splitlines()
        first, second, third = (next(line for line in lines if line.strip().startswith(place)) for place in ("1.", "2.", "3."))
        self.assertRegex(first, r"1\. red +#+\.+ +62\.2 %  accepted$")
        self.assertRegex(second, r"2\. orange +#+\.+ +27\.8 %  accepted$")
        self.assertRegex(third, r"3\. brown +#\.+ +6\.3 %$")
        self.assertIn("(11 labels not shown)", "\n".join(lines))

    def test_stopped_by_the_gate(self):
        text = self.story(PICTURES / "leaf.jpg")
        self.assertIn("orange comes first, at place 9 of 16; an accepted one must be one of the 3 likeliest labels: the gate rejects the picture.", text)
        self.assertRegex(text, r"\n +9\. orange .*accepted\n", "the best accepted label is shown, however far down")
        self.assertIn("Verdict: unknown, because the gate rejects it.", text)
        self.assertIn("Not asked any more: the species filter and the classifier", text)
        self.assertNotIn("Classifier: which one", text)

    def test_stopped_by_the_gates_mass(self):
        (row,) = self.rows(PICTURES / "leaf.jpg", "--gate-rule", "mass", "--gate-min-mass", 0.25)
        text = self.story(PICTURES / "leaf.jpg", "--gate-rule", "mass", "--gate-min-mass", 0.25)
        self.assertLess(row["gate"]["mass"], 0.25)
        self.assertRegex(text, r"The 3 accepted labels sum to \S+ %, and at least 25.0 % would be needed: the gate rejects the picture.")

    def test_stopped_by_the_species_filter(self):
        text = self.story(PICTURES / "basket/peach.png")
        self.assertIn("The accepted label has 8.3 %, and at least 50.0 % would be needed: the species filter rejects the picture.", text)
        self.assertIn("Verdict: unknown, because the species filter rejects it.", text)
        self.assertIn("Not asked any more: the classifier", text)

    def test_stopped_by_a_species_filter_without_a_threshold(self):
        config = fruit_config()
        del config["species"]["min_probability"]
        text = self.story(PICTURES / "basket/peach.png", config=self.write_config("argmax.json", config))
        self.assertIn("The likeliest label is NOT_FRUIT, not an accepted one: the species filter rejects the picture.", text)

    def test_stopped_by_the_classifier(self):
        text = self.story(PICTURES / "between.png")
        self.assertIn("tomato is the likeliest with 50.6 %, and at least 60.0 % would be needed: the classifier rejects the picture.", text)
        self.assertIn("Verdict: unknown, because the classifier rejects it.", text)
        self.assertNotIn("Not asked", text)

    def test_stopped_before_any_network(self):
        text = self.story(PICTURES / "broken_truncated.jpg", code=3)
        self.assertIn("Verdict: failed, because it could not be read as a picture.\n  truncated: ", text)
        self.assertIn("not-found", self.story(self.folder / "nowhere.png", code=3))

    def test_a_network_that_fails_is_named(self):
        config = self.write_config("nan.json", classifier_config("nan_for_black"))
        text = self.story(PICTURES / "night.png", config=config, code=3)
        self.assertIn("Verdict: failed, because the classifier failed on it.\n  model: ", text)

    def test_the_closed_set_rejects_nothing(self):
        text = self.story(PICTURES / "leaf.jpg", "--closed-set")
        self.assertIn("It is asked to name every picture (closed set)", text)
        self.assertNotIn("Gate:", text)

    def test_a_multi_label_classifier_names_all_that_pass(self):
        config = self.write_config("multi.json", classifier_config("multi_label", min_probability=0.5))
        (row,) = self.rows(PICTURES / "orange.jpg", config=config)
        text = self.story(PICTURES / "orange.jpg", config=config)
        names = ", ".join(label["label"] for label in row["classifier"]["labels"])
        self.assertIn("threshold: " + names if len(row["classifier"]["labels"]) == 1 else "thresholds: " + names, text)
        strict = self.write_config("strict.json", classifier_config("multi_label", min_probability=1))
        self.assertIn("No label reaches its threshold; the likeliest, ", self.story(PICTURES / "orange.jpg", config=strict))

    def test_all_stages_are_told_after_the_one_that_decided(self):
        text = self.story(PICTURES / "leaf.jpg", "--all-stages")
        self.assertIn("Classifier: which one is it?", text)
        self.assertIn("Verdict: unknown, because the gate rejects it.", text)

    def test_a_member_of_a_tar_file_and_standard_input_can_be_told_too(self):
        archive = self.folder / "photos.tar"
        with tarfile.open(archive, "w") as tar:
            for name in ("leaf.jpg", "tomato.png"):
                tar.add(PICTURES / name, arcname="a/" + name)
        self.assertIn("Verdict: tomato", self.story(f"{archive}//a/tomato.png"))
        self.assertIn("holds several pictures", self.infer("--explain", archive, code=2).messages)
        self.assertIn("no such picture", self.infer("--explain", f"{archive}//a/nowhere.png", code=2).messages)
        self.assertIn("Verdict: tomato", self.story("-", input=(PICTURES / "tomato.png").read_bytes()))

    def test_a_folder_is_refused(self):
        self.assertIn("is a folder, expected one picture", self.infer("--explain", PICTURES, code=2).messages)

    def test_flags_that_have_no_meaning_beside_it_are_refused(self):
        for flags in (["tomato.png"], ["--files-from", "list"], ["-o", "rows.jsonl"], ["--stream"]):
            self.assertIn("--explain together with", self.infer("--explain", PICTURES / "leaf.jpg", *flags, code=2).messages)
        self.assertIn("--preview", self.infer(PICTURES, "--preview", "p.png", code=2).messages)
        self.assertIn("ends in .png", self.infer("--explain", PICTURES / "leaf.jpg", "--preview", "p.jpg", code=2).messages)


class Preview(CliTest):
    def test_the_preview_is_what_the_networks_see(self):
        preview = self.folder / "seen.png"
        text = self.infer("--explain", PICTURES / "tomato.png", "--preview", preview).text
        self.assertIn(f"{preview}: what the gate, the species filter and the classifier see", text)
        self.assertTrue(preview.read_bytes().startswith(PNG))
        # Prepared once more it stays what it is, so the networks say the same of it.
        (seen,), (row,) = self.rows(preview), self.rows(PICTURES / "tomato.png")
        del seen["path"], row["path"]
        self.assertEqual(seen, row)

    def test_stages_that_see_something_else_get_files_of_their_own(self):
        config = fruit_config()
        config["classifier"]["preprocess"] = {"resize": {"mode": "squash", "size": [24, 24], "interpolation": "nearest"},
                                              "mean": [0, 0, 0], "std": [1, 1, 1]}
        preview = self.folder / "seen.png"
        text = self.infer("--explain", PICTURES / "tomato.png", "--preview", preview, config=self.write_config("two.json", config)).text
        self.assertIn(f"{preview}: what the gate and the species filter see", text)
        self.assertIn(f"{self.folder / 'seen-classifier.png'}: what the classifier sees", text)
        self.assertIn("squashed to 24 x 24 (nearest)", text)

    def test_it_replaces_nothing_that_is_read(self):
        photo = self.folder / "photo.png"
        photo.write_bytes((PICTURES / "tomato.png").read_bytes())
        self.assertIn("would replace", self.infer("--explain", photo, "--preview", photo, code=2).messages)
        self.assertEqual(photo.read_bytes(), (PICTURES / "tomato.png").read_bytes())

    def test_without_a_picture_there_is_no_preview(self):
        text = self.infer("--explain", PICTURES / "broken_empty.png", "--preview", self.folder / "seen.png", code=3).text
        self.assertIn("No preview: no network saw the picture.", text)
        self.assertFalse((self.folder / "seen.png").exists())


main()
