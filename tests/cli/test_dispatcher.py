"""openset: finds its commands, starts them with the right environment, answers fast."""

import os
import shutil
import subprocess
import time

from openset_cli import BIN, COMMANDS, PICTURES, CliTest, main

TOMATO = str(PICTURES / "tomato.png")
SANITIZED = b"__asan_init" in (BIN / "openset").read_bytes() or b"__tsan_init" in (BIN / "openset").read_bytes()


class Help(CliTest):
    def test_help_names_every_command(self):
        for flag in ("--help", "-h", "help", "--help-all"):
            text = self.openset(flag).text
            for command in COMMANDS:
                self.assertIn(f"  {command} ", text)

    def test_without_a_command_it_is_a_usage_error_with_the_help(self):
        result = self.openset(code=2)
        self.assertEqual(result.text, "")
        self.assertIn("usage: openset COMMAND", result.messages)

    def test_help_of_a_command_is_that_commands_help(self):
        for command in COMMANDS:
            own = self.run_program(f"openset-{command}", "--help").text
            self.assertEqual(self.openset("help", command).text, own)
            self.assertEqual(self.openset(command, "--help").text, own)

    def test_version_has_the_name_and_numbers(self):
        self.assertRegex(self.openset("--version").text, r"^openset \d+\.\d+\.\d+\n$")

    def test_a_full_disk_behind_the_help_is_an_error(self):
        with open("/dev/full", "wb") as full:
            self.assertIn("standard output", self.openset("--help", stdout=full, code=1).messages)


class Spelling(CliTest):
    def test_unknown_commands_get_a_suggestion(self):
        self.assertIn('did you mean "infer"', self.openset("infre", TOMATO, code=2).messages)
        self.assertIn('did you mean "doctor"', self.openset("docter", code=2).messages)
        messages = self.openset("xyzzyxyzzy", code=2).messages
        self.assertIn('no command "xyzzyxyzzy"', messages)
        self.assertNotIn("did you mean", messages)
        self.assertIn("openset --help", messages)

    def test_unknown_flags_get_a_suggestion(self):
        self.assertIn('did you mean "--help"', self.openset("--hlep", code=2).messages)
        self.assertIn("unknown option --xyzzyxyzzy;", self.openset("--xyzzyxyzzy", code=2).messages)


class FindingCommands(CliTest):
    def make_command(self, folder, name, script):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"openset-{name}"
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(0o755)

    def with_path(self, *folders, **variables):
        return os.environ | {"PATH": ":".join(map(str, folders)) + ":" + os.environ["PATH"]} | variables

    def test_a_program_on_the_path_is_a_command(self):
        self.make_command(self.folder / "bin", "hello", 'echo "$# $1 $2"; exit 7\n')
        result = self.openset("hello", "a b", "--flag", env=self.with_path(self.folder / "bin"), code=7)
        self.assertEqual(result.text, "2 a b --flag\n")

    def test_what_lies_beside_openset_comes_first_then_libexec_then_the_path(self):
        prefix = self.folder / "prefix"
        (prefix / "bin").mkdir(parents=True)
        shutil.copy(BIN / "openset", prefix / "bin/openset")
        environment = self.with_path(self.folder / "bin")
        for folder, word in ((self.folder / "bin", "path"), (prefix / "libexec/openset", "libexec"), (prefix / "bin", "beside")):
            self.make_command(folder, "where", f"echo {word}\n")
            result = subprocess.run([prefix / "bin/openset", "where"], env=environment, stdout=subprocess.PIPE, timeout=120)
            self.assertEqual(result.stdout.decode(), word + "\n")

    def test_a_link_to_openset_finds_the_commands_too(self):
        (self.folder / "openset").symlink_to(BIN / "openset")
        result = subprocess.run([self.folder / "openset", "inspect", "--version"], stdout=subprocess.PIPE, timeout=120)
        self.assertEqual(result.returncode, 0)

    def test_a_file_that_cannot_be_executed_is_no_command(self):
        self.make_command(self.folder / "bin", "hello", "echo hello\n")
        (self.folder / "bin/openset-hello").chmod(0o644)
        self.openset("hello", env=self.with_path(self.folder / "bin"), code=2)

    def test_commands_start_with_one_blas_thread_unless_the_user_says_otherwise(self):
        self.make_command(self.folder / "bin", "printenv", 'printenv "$1" || echo unset\n')
        def seen(variable, **variables):
            environment = self.with_path(self.folder / "bin")
            environment.pop("OPENBLAS_NUM_THREADS", None)
            environment.pop("OPENBLAS_CORETYPE", None)
            return self.openset("printenv", variable, env=environment | variables).text.strip()
        self.assertEqual(seen("OPENBLAS_NUM_THREADS"), "1")
        self.assertEqual(seen("OPENBLAS_NUM_THREADS", OPENBLAS_NUM_THREADS="3"), "3")
        self.assertIn(seen("OPENBLAS_CORETYPE"), ("unset", "Haswell", "SkylakeX"))
        self.assertEqual(seen("OPENBLAS_CORETYPE", OPENBLAS_CORETYPE="Zen"), "Zen")


class Weight(CliTest):
    """What answers at once must not load LibTorch."""

    def libraries(self, program):
        return subprocess.run(["ldd", BIN / program], stdout=subprocess.PIPE, check=True).stdout.decode()

    def test_what_runs_no_network_loads_no_libtorch(self):
        for program in ("openset", "openset-inspect", "openset-init", "openset-completion"):
            self.assertNotIn("libtorch", self.libraries(program), program)
            self.assertNotIn("libc10", self.libraries(program), program)
        self.assertIn("libtorch", self.libraries("openset-infer"), "or this test looks at the wrong thing")

    def test_no_program_loads_what_the_dispatcher_has_no_use_for(self):
        for library in ("libopencv", "libjpeg", "libpng"):
            self.assertNotIn(library, self.libraries("openset"))

    def test_help_comes_within_50_milliseconds(self):
        if SANITIZED:
            self.skipTest("sanitizers start slowly")
        times = []
        for _ in range(11):
            start = time.perf_counter()
            self.openset("--help")
            times.append(time.perf_counter() - start)
        self.assertLess(min(times), 0.05)


if __name__ == "__main__":
    main()
