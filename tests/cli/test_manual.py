"""Help, man pages and completions: made from the same definitions, they say the same, and shells take them."""

import itertools
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import time

from openset_cli import BIN, COMMANDS, CliTest, main

SHARE = BIN.parent / "share"
COMPLETIONS = {
    "bash": SHARE / "bash-completion/completions/openset",
    "zsh": SHARE / "zsh/site-functions/_openset",
    "fish": SHARE / "fish/vendor_completions.d/openset.fish",
}
SOURCE = pathlib.Path(__file__).resolve().parents[2]


def flags_in_help(text):
    """Flag -> name of its value, "" where it takes none."""
    found = {}
    for line in text.split("options:\n", 1)[1].split("\nexamples:")[0].splitlines():
        entry = re.match(r"  ((?:    )?-.*?)(?:  |$)", line)
        if not entry:
            continue
        *names, last = entry[1].strip().split(", ")
        last, _, value = last.partition(" ")
        found.update(dict.fromkeys([*names, last], value))
    return found


def flags_in_man(text):
    found = {}
    for tag in re.findall(r"^\.TP\n(\\fB\\-.*)$", text.split(".SH OPTIONS")[1].split(".SH EXAMPLES")[0], re.MULTILINE):
        tag = tag.replace("\\-", "-")
        value = re.search(r"\\fI(.*?)\\fR", tag)
        found.update(dict.fromkeys(re.findall(r"\\fB(.*?)\\fR", tag), value[1] if value else ""))
    return found


def bash_part(command):
    return re.search(rf"^_openset_{command}\(\) {{$(.*?)^}}$", COMPLETIONS["bash"].read_text(), re.MULTILINE | re.DOTALL)[1]


def words_in_bash(command):
    """Flag -> words it offers; None where it takes a value of another kind."""
    part = bash_part(command)
    found = dict.fromkeys(re.search("flags='(.*)'", part)[1].split(), "")
    for names, words in re.findall(r"^    (-.*)\) kind=\w+(?: words='(.*)')? ;;$", part, re.MULTILINE):
        found.update(dict.fromkeys(names.split(" | "), words or None))
    return found


def words_in_zsh(command):
    part = re.search(rf"^_openset_{command}\(\) {{$(.*?)^}}$", COMPLETIONS["zsh"].read_text(), re.MULTILINE | re.DOTALL)[1]
    found = {}
    for name, value in re.findall(r"^    '(?:\*|\(.*?\))(--?[\w-]+)[=+]?\[(?:[^\]\\]|\\.)*\](.*?)'(?: \\)?$", part, re.MULTILINE):
        words = re.search(r"\((.*)\)$", value)
        found[name] = words[1] if words else None if value else ""
    return found


def words_in_fish(command):
    found = {}
    for line in COMPLETIONS["fish"].read_text().splitlines():
        if not line.startswith(f"complete -c openset -n '__openset_is {command}' -"):
            continue
        options = re.sub(r" -d '.*'$", "", line)
        names = ["--" + name for name in re.findall(r" -l (\S+)", options)] + ["-" + name for name in re.findall(r" -s (\S+)", options)]
        words = re.search(r" -x -a '([^(].*)'", options)
        found.update(dict.fromkeys(names, words[1] if words else None if re.search(" -[rx]", options) else ""))
    return found


class OneTable(CliTest):
    def test_every_flag_of_every_command_is_in_help_man_page_and_completions_and_nothing_else_is(self):
        for command in COMMANDS:
            with self.subTest(command):
                helped = flags_in_help(self.openset(command, "--help-all").text)
                self.assertGreaterEqual(len(helped), 10)
                self.assertEqual(flags_in_man((SHARE / f"man/man1/openset-{command}.1").read_text()), helped)
                self.assertEqual(set(words_in_bash(command)), set(helped))
                self.assertEqual(words_in_zsh(command), words_in_bash(command))
                self.assertEqual(words_in_fish(command), words_in_bash(command))
                for flag, words in words_in_bash(command).items():
                    self.assertEqual(words == "", helped[flag] == "", f"{flag}: takes a value or not")

    def test_words_that_a_shell_offers_are_explained_and_taken(self):
        for command in COMMANDS:
            text = self.openset(command, "--help-all").text
            offered = {flag: words.split() for flag, words in words_in_bash(command).items() if words}
            for flag, words in offered.items():
                for word in words:
                    self.assertRegex(text, rf"\b{word}\b", f"{command} {flag}")
            offered = {flag: words for flag, words in offered.items() if flag.startswith("--")}  # -f is --format
            # The first words of all flags at once, then the second ones: a program with LibTorch takes half a second to start.
            for turn in itertools.zip_longest(*offered.values()):
                typed = [part for flag, word in zip(offered, turn) if word for part in (flag, word)]
                missing = ["--model", "none.pt"] if command == "doctor" else []  # the others miss something anyway
                messages = self.run_program(f"openset-{command}", *typed, *missing, code=1 if missing else 2).messages
                for word in filter(None, turn):
                    self.assertNotIn(f'found "{word}"', messages, f"{command} {typed}")
                self.assertNotIn("times, expected once", messages, "nothing was looked at")

    def test_nothing_is_hidden_but_what_the_build_asks(self):
        hidden = [path for path in (SOURCE / "apps").rglob("*.cpp") for _ in re.findall(r'group\(""\)', path.read_text())]
        self.assertEqual([path.name for path in hidden], ["command.cpp"])
        for command in COMMANDS:
            self.assertNotIn("generate", self.openset(command, "--help-all").text)
            self.assertIn("one of man, bash, zsh, fish", self.openset(command, "--generate", "tcsh", code=2).messages)

    def test_openset_lists_every_program_there_is(self):
        programs = {path.name.removeprefix("openset-") for path in BIN.glob("openset-*")}
        self.assertEqual(programs, set(COMMANDS))
        page = (SHARE / "man/man1/openset.1").read_text()
        for command in COMMANDS:
            self.assertIn(f"\n.BR openset\\-{command} (1)", page)
            self.assertIn(command, re.search("_openset_commands='(.*)'", COMPLETIONS["bash"].read_text())[1].split())
            for shell, text in COMPLETIONS.items():
                self.assertIn(f"openset-{command}", text.read_text(), shell)

    def test_completion_prints_what_was_made_with_the_programs(self):
        for shell, path in COMPLETIONS.items():
            self.assertEqual(self.openset("completion", shell).text, path.read_text())
        self.assertIn("bash, zsh, fish", self.openset("completion", "tcsh", code=2).messages)

    def test_completion_without_its_files_says_where_they_should_be(self):
        (self.folder / "bin").mkdir()
        shutil.copy(BIN / "openset-completion", self.folder / "bin")
        result = subprocess.run([self.folder / "bin/openset-completion", "bash"], capture_output=True, timeout=60)
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertIn(f"{self.folder}/share/bash-completion/completions/openset: no such file", result.stderr.decode())


class ManPages(CliTest):
    PAGES = sorted((SHARE / "man/man1").glob("*.1"))

    def test_there_is_one_for_every_program(self):
        self.assertEqual({page.stem for page in self.PAGES}, {"openset"} | {f"openset-{command}" for command in COMMANDS})

    def test_each_has_the_sections_that_readers_look_for(self):
        for page in self.PAGES:
            sections = re.findall(r"^\.SH (.*)$", page.read_text(), re.MULTILINE)
            for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "SEE ALSO"):
                self.assertIn(section, sections, page.name)

    def test_mandoc_finds_no_fault(self):
        if not shutil.which("mandoc"):
            self.skipTest("mandoc is not installed: scripts/setup installs it")
        for page in self.PAGES:
            lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True, timeout=60)
            # A date would make each build differ from the last.
            faults = [line for line in lint.stdout.splitlines() if "missing date" not in line]
            self.assertEqual(faults, [])

    def test_groff_finds_no_fault(self):
        if not shutil.which("groff"):
            self.skipTest("groff is not installed")
        for page in self.PAGES:
            set_page = subprocess.run(["groff", "-ww", "-man", "-Tutf8", page], capture_output=True, text=True, timeout=60)
            self.assertEqual((set_page.returncode, set_page.stderr), (0, ""), page.name)


# What is typed before TAB -> what is offered. Each of them in `openset CMD` and in `openset-CMD`.
OFFERED = {
    "infer --clo": {"--closed-set"},
    "infer --gate-m": {"--gate-min-mass"},
    "infer --color ": {"auto", "always", "never"},
    "infer --color a": {"auto", "always"},
    "infer -f c": {"csv"},
    "infer a.png --progress j": {"json"},
    "infer --top ": set(),
    "init --fo": {"--force"},
    "inspect x.pt --preprocess ": {"imagenet"},
    "completion ": {"bash", "zsh", "fish"},
    "completion z": {"zsh"},
}
COMMAND_LINES = {
    "openset ": {*COMMANDS, "help"},
    "openset inf": {"infer"},
    "openset help doc": {"doctor"},
    "openset --v": {"--version"},
}
ALL_LINES = COMMAND_LINES | {f"openset{separator}{line}": words for separator in " -" for line, words in OFFERED.items()}


class Bash(CliTest):
    # What readline would do by itself is shown as a word.
    SCRIPT = r"""
        compopt() { echo "<$2>"; }
        source "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
        _openset "$1"
        printf '%s\n' "${COMPREPLY[@]}"
    """

    def offered(self, *words):
        result = subprocess.run(["bash", "--norc", "-c", self.SCRIPT, "test", COMPLETIONS["bash"], *words], capture_output=True, text=True,
                                timeout=60)
        self.assertEqual(result.stderr, "")
        return set(result.stdout.split())

    def test_commands_flags_and_words(self):
        for line, words in ALL_LINES.items():
            self.assertEqual(self.offered(*line.split(" ")), words, line)

    def test_a_value_after_an_equals_sign(self):
        self.assertEqual(self.offered("openset", "infer", "--color", "="), {"auto", "always", "never"})
        self.assertEqual(self.offered("openset", "infer", "--color", "=", "al"), {"always"})

    def test_files_where_a_file_is_wanted_and_only_there(self):
        for words in (["infer", "-c", "x"], ["infer", "--files-from", ""], ["infer", "x"], ["infer", "--strict", "x"], ["inspect", ""],
                      ["infer", "--output", "=", "x"], ["doctor", "--model", "x"]):
            self.assertEqual(self.offered("openset", *words), {"<default>"}, words)
        for words in (["infer", "--batch", ""], ["init", "--name", ""], ["infer", "--device", "x"]):
            self.assertEqual(self.offered("openset", *words), set(), words)

    def test_after_two_dashes_only_files(self):
        self.assertEqual(self.offered("openset", "infer", "--", "--clo"), {"<default>"})

    def test_commands_that_openset_does_not_know_get_files(self):
        self.assertEqual(self.offered("openset", "hello", "x"), {"<default>"})

    def test_a_path_to_the_program_changes_nothing(self):
        self.assertEqual(self.offered("./bin/openset", "infer", "--clo"), {"--closed-set"})


class Fish(CliTest):
    def setUp(self):
        super().setUp()
        if not shutil.which("fish"):
            self.skipTest("fish is not installed: scripts/setup installs it")

    def offered(self, line):
        script = 'source $argv[1]; complete -C "$argv[2]"'
        result = subprocess.run(["fish", "--no-config", "-c", script, COMPLETIONS["fish"], line], capture_output=True, text=True,
                                cwd=self.folder, env=os.environ | {"HOME": str(self.folder)}, timeout=60)
        self.assertEqual(result.stderr, "")
        return {offer.split("\t")[0] for offer in result.stdout.splitlines()}

    def test_the_file_is_sound(self):
        subprocess.run(["fish", "-n", COMPLETIONS["fish"]], check=True, timeout=60)

    def test_commands_flags_and_words(self):
        for line, words in ALL_LINES.items():
            self.assertEqual(self.offered(line), words, line)

    def test_files_where_a_file_is_wanted_and_only_there(self):
        (self.folder / "some.json").touch()
        for line in ("infer -c so", "infer so", "inspect so", "infer --output=so", "doctor --model so", "doctor so"):
            self.assertEqual({word.split("=")[-1] for word in self.offered("openset " + line)}, {"some.json"}, line)
        for line in ("infer --batch so", "completion so", "so"):
            self.assertNotIn("some.json", self.offered("openset " + line), line)


class Typed(CliTest):
    """In shells as people use them: a terminal, a line, TAB."""

    LINES = {
        "openset inf": "openset infer ",
        "openset infer --clo": "openset infer --closed-set ",
        "openset-infer --gate-rule=ma": "openset-infer --gate-rule=mass ",
        "openset infer -c so": "openset infer -c some.json ",
        "openset infer --config=so": "openset infer --config=some.json ",
        "openset inspect so": "openset inspect some.json ",
        "openset help doc": "openset help doctor ",
        "openset infer --progress j": "openset infer --progress json ",
        "openset completion z": "openset completion zsh ",
    }

    def completed(self, shell, *setup):
        """Types the lines into a shell and lets it complete them; what was on the screen after each."""
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.folder)
            os.execvpe(shell[0], shell, os.environ | {"TERM": "dumb", "HOME": str(self.folder), "PS1": "> "})
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.waitpid, process, 0)
        self.addCleanup(os.kill, process, signal.SIGKILL)

        def until(text):
            screen, end = "", time.monotonic() + 20
            while text not in screen and time.monotonic() < end:
                if select.select([terminal], [], [], 0.1)[0]:
                    screen += os.read(terminal, 65536).decode(errors="replace")
            self.assertIn(text, screen)

        for line in setup:
            os.write(terminal, f"{line}; echo $((40 + 2))-done\n".encode())
            until("42-done")
        for typed, wanted in self.LINES.items():
            with self.subTest(typed):
                os.write(terminal, f"{typed}\t".encode())
                until(wanted)
                os.write(terminal, b"\x15")  # forget the line

    def setUp(self):
        super().setUp()
        (self.folder / "some.json").touch()

    def test_bash(self):
        self.completed(["bash", "--norc", "-i"], "stty cols 200", f"source '{COMPLETIONS['bash']}'")

    def test_zsh_where_the_file_is_sourced(self):
        if not shutil.which("zsh"):
            self.skipTest("zsh is not installed: scripts/setup installs it")
        subprocess.run(["zsh", "-n", COMPLETIONS["zsh"]], check=True, timeout=60)
        self.completed(["zsh", "-f", "-i"], "stty cols 200; autoload -U compinit; compinit -D", f"source '{COMPLETIONS['zsh']}'")

    def test_zsh_where_the_file_is_found_as_a_function(self):
        if not shutil.which("zsh"):
            self.skipTest("zsh is not installed: scripts/setup installs it")
        self.completed(["zsh", "-f", "-i"], f"stty cols 200; fpath=('{COMPLETIONS['zsh'].parent}' $fpath); autoload -U compinit; compinit -D")


if __name__ == "__main__":
    main()
