#!/usr/bin/env python3
"""The specification of check_includes.py, with made-up trees."""

import tempfile
import unittest
from pathlib import Path

import check_includes


def complaints(**files):
    """Complaints about a tree; names are written with __ for a slash and end in the suffix."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in files.items():
            path = root / (name.replace("__", "/").replace("_hpp", ".hpp").replace("_cpp", ".cpp"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return check_includes.check(root)[0]


class Layers(unittest.TestCase):
    def test_a_layer_may_include_itself_and_those_above(self):
        self.assertEqual(complaints(
            src__image__decode_cpp='#include "image/jpeg.hpp"\n#include "openset/base/error.hpp"\n',
            src__image__jpeg_hpp=""), [])

    def test_a_public_header_of_a_layer_below_is_named_with_file_and_line(self):
        self.assertEqual(
            complaints(src__base__error_cpp='#include <vector>\n#include "openset/io/row.hpp"\n'),
            ["src/base/error.cpp:2: openset/io/row.hpp: base stands above io and must not know it"])

    def test_a_private_header_of_a_layer_below(self):
        found = complaints(src__io__row_cpp='#include "model/x.hpp"\n', src__model__x_hpp="")
        self.assertEqual(found, ["src/io/row.cpp:1: model/x.hpp: io stands above model and must not know it"])

    def test_flow_must_not_know_our_torch_layer_nor_the_programs(self):
        found = complaints(
            src__flow__runner_cpp='#include "openset/torch/runtime.hpp"\n#include "cli/command.hpp"\n',
            apps__cli__command_hpp="")
        self.assertEqual(len(found), 2)

    def test_torch_must_not_know_the_programs(self):
        found = complaints(src__torch__a_cpp='#include "cli/command.hpp"\n', apps__cli__command_hpp="")
        self.assertEqual(len(found), 1)

    def test_angle_brackets_hide_nothing(self):
        self.assertEqual(len(complaints(src__base__a_cpp="  #  include <openset/flow/runner.hpp>\n")), 1)

    def test_a_folder_that_is_no_layer(self):
        self.assertEqual(len(complaints(src__util__a_cpp="#include <vector>\n")), 1)
        self.assertEqual(len(complaints(src__base__a_cpp='#include "openset/util/a.hpp"\n')), 1)

    def test_a_file_beside_the_layers_folders(self):
        self.assertEqual(len(complaints(src__a_cpp="#include <vector>\n")), 1)
        self.assertEqual(len(complaints(include__openset__all_hpp="#include <vector>\n")), 1)

    def test_a_comment_is_not_an_include(self):
        self.assertEqual(complaints(src__base__a_cpp='// #include "openset/flow/runner.hpp"\n'), [])


class Foreign(unittest.TestCase):
    def test_libtorch_above_the_line(self):
        for header in ("torch/script.h", "ATen/Parallel.h", "c10/util/Half.h"):
            for marks in ("<>", '""'):
                text = f"#include {marks[0]}{header}{marks[1]}\n"
                self.assertEqual(len(complaints(src__flow__a_cpp=text)), 1, text)

    def test_libtorch_below_the_line(self):
        self.assertEqual(complaints(
            src__torch__a_cpp='#include <torch/script.h>\n#include "torch/device.hpp"\n', src__torch__device_hpp=""), [])

    def test_opencv_in_core(self):
        self.assertEqual(len(complaints(src__image__a_cpp="#include <opencv2/core.hpp>\n")), 1)

    def test_opencv_in_the_layer_that_draws(self):
        self.assertEqual(complaints(src__draw__a_cpp="#include <opencv2/core.hpp>\n"), [])

    def test_opencv_in_a_program(self):
        self.assertEqual(complaints(apps__doctor_cpp="#include <opencv2/core.hpp>\n"), [])

    def test_other_libraries_in_source_files(self):
        self.assertEqual(complaints(src__io__a_cpp="#include <nlohmann/json.hpp>\n#include <unistd.h>\n"), [])


class PublicHeaders(unittest.TestCase):
    def test_what_they_may_include(self):
        self.assertEqual(complaints(
            include__openset__io__row_hpp='#include <vector>\n#include <nlohmann/json_fwd.hpp>\n'
                                          '#include "openset/base/error.hpp"\n'), [])

    def test_another_library(self):
        for header in ("<nlohmann/json.hpp>", "<png.h>", "<spdlog/spdlog.h>", "<torch/script.h>", "<unistd.h>"):
            found = complaints(include__openset__torch__a_hpp=f"#include {header}\n")
            self.assertEqual(len(found), 1, header)

    def test_a_private_header(self):
        found = complaints(include__openset__io__a_hpp='#include "io/b.hpp"\n', src__io__b_hpp="")
        self.assertEqual(len(found), 1)


if __name__ == "__main__":
    unittest.main()
