#!/usr/bin/env python3
"""Reviews every message in the sources: check_messages.py SOURCE_FOLDER [--list]

A message names the thing, what was found, what was expected and the way out, in one line of lower case. Whether it makes sense is for
readers (--list shows all of them) and for the tests of whole programs (tests/cli); here is what can be told from the text alone.

No message escapes: exceptions are made by `Error` alone, standard error is written to by the log alone (SPEAKERS are the others), and a
text that comes from somewhere else, so that there is nothing to read here, must stand in RELAYS, with what is known of it. Every string
literal is held against the words that messages do without, wherever it stands.
"""

import re
import sys
from pathlib import Path

# ---- what is a message, and what is asked of it

FORM = "form"        # one line, lower case, our words
ROW = "row"          # the same; where a picture's row or a caller says which thing it is about
PROBLEM = "problem"  # also says what was expected, or what to do
USAGE = "usage"      # also names the flag or the thing that was typed
NOUN = "noun"        # what stands after "expected"

# Call -> (which argument is the text, what is asked of it).
MAKERS = {
    "WrongOutput": (0, PROBLEM),
    "log_error": (0, FORM),
    "log_warning": (0, FORM),
    "log_notice": (0, FORM),
    "log_info": (0, FORM),
    "log_debug": (0, FORM),
    "print_error": (0, FORM),
    "refuse": (-1, PROBLEM),
    "refuse_beside": (3, PROBLEM),
    "failed_input": (-1, ROW),
    "fail": (-1, ROW),
    "problems.add": (1, PROBLEM),
    "problems.push_back": (0, FORM),
    "problems_.add": (1, PROBLEM),
    "problems_->add": (1, PROBLEM),
    ".problem": (0, PROBLEM),
    "->problem": (0, PROBLEM),
    ".expected": (0, NOUN),
    "->expected": (0, NOUN),
    ".required": (1, NOUN),
    "warnings.emplace_back": (0, FORM),
    "warnings.push_back": (0, FORM),
    "notes.emplace_back": (0, FORM),
    "notes.push_back": (0, FORM),
    "assumptions.push_back": (0, FORM),
}
# Of an Error, by its kind; of those that are not named: ROW.
ERRORS = {
    "usage": USAGE,
    "output": PROBLEM,
    "model": PROBLEM,
    "not_found": PROBLEM,
    "internal": FORM,  # a mistake of ours: there is nothing that the user could do
}
# Where a `return` makes a message: the functions of this type, and all of these files.
RETURNING_TYPE = "Validator"
RETURNING_FILES = {"apps/cli/usage_error.cpp"}

# Files whose refuse() itself says what to do, or which row it is.
COMPLETING = {"src/io/merge.cpp", "src/io/resume.cpp", "src/io/row_reader.cpp", "src/io/npy.cpp", "src/io/samples.cpp", "src/detect/training_data.cpp"}

# Texts that are passed on, so that there is nothing to read: (file, call) -> where they are looked at.
THROWN_BELOW = "errors are looked at where they are thrown"
NOTED_BELOW = "assumptions and warnings are looked at where they are noted"
RELAYS = {
    ("apps/augment.cpp", "log_info"): "a decoder's warning",
    ("apps/cli/command.cpp", "print_error"): THROWN_BELOW,
    ("apps/cli/command.cpp", "log_error"): THROWN_BELOW,
    ("apps/cli/command.cpp", "refuse"): "made by usage_error.cpp",
    ("apps/calibrate.cpp", "log_notice"): "of calibrate/measured.cpp, told()",
    ("apps/compare.cpp", "log_warning"): "warnings of a fit, in detect/",
    ("apps/doctor.cpp", "log_warning"): NOTED_BELOW,
    ("apps/doctor/engines.cpp", "Error"): "of scan()",
    ("apps/doctor/engines.cpp", "log_warning"): NOTED_BELOW,
    ("apps/eval.cpp", "log_warning"): "of diagnoses(), in eval/result.cpp",
    ("apps/report.cpp", "log_warning"): "of diagnoses(), in eval/result.cpp",
    ("apps/extract/options.cpp", "Error"): "by refuse()",
    ("apps/extract/run.cpp", "Error"): THROWN_BELOW,
    ("apps/extract/run.cpp", "log_warning"): "of ClassNames::unknown(), in flow/extraction.cpp",
    ("apps/infer.cpp", "Error"): THROWN_BELOW,
    ("apps/pictures/int8_networks.cpp", "Error"): "of take_int8(), line by line",
    ("apps/quantize.cpp", "log_warning"): NOTED_BELOW,
    ("apps/infer.cpp", "log_notice"): "figures",
    ("apps/infer.cpp", "log_warning"): "of infer/row_output.cpp, doubt_about_ending()",
    ("apps/pictures/inputs.cpp", "Error"): "by refuse()",
    ("apps/pictures/inputs.cpp", "refuse"): THROWN_BELOW,
    ("apps/pictures/int8_networks.cpp", "Error"): "the lines of its problems",
    ("apps/pictures/networks.cpp", "log_warning"): NOTED_BELOW,
    ("apps/quantize.cpp", "log_warning"): NOTED_BELOW,
    ("apps/pictures/run_facts.cpp", "log_info"): "figures",
    ("apps/infer/options.cpp", "Error"): "by refuse()",
    ("apps/init.cpp", "log_warning"): NOTED_BELOW,
    ("apps/serve/api.cpp", "log_info"): "figures",
    ("apps/serve/options.cpp", "Error"): "by refuse()",
    ("apps/serve/options.cpp", "refuse"): "the one sentence of split_address()",
    ("apps/init.cpp", "log_notice"): NOTED_BELOW,
    ("apps/inspect.cpp", "log_warning"): NOTED_BELOW,
    ("apps/merge.cpp", "log_notice"): "figures",
    ("apps/merge.cpp", "log_warning"): "of doubts(), in io/merge.cpp",
    ("apps/fit.cpp", "log_warning"): "warnings of the fit, in detect/openmax_diagnostics.cpp",
    ("apps/scores/columns.cpp", "Error"): "of io::mismatches()",
    ("apps/scores/columns.cpp", "log_warning"): "the same",
    ("apps/sweep/grid.cpp", "Error"): "of io::mismatches()",
    ("apps/sweep.cpp", "log_notice"): "figures",
    ("apps/train/by_head.cpp", "log_warning"): NOTED_BELOW,
    ("apps/train/evaluate.cpp", "log_warning"): "a row's failure",
    ("apps/train/features.cpp", "log_warning"): "a row's failure",
    ("apps/train/network.cpp", "log_warning"): NOTED_BELOW,
    ("apps/train/options.cpp", "Error"): "by refuse()",
    ("apps/train/task.cpp", "Error"): "by refuse()",
    ("src/cascade/starter_config.cpp", "notes.push_back"): "of why_unused()",
    ("src/detect/openmax_diagnostics.cpp", "warnings.push_back"): "sentences of the callers of warn_of_classes()",
    ("src/detect/methods.cpp", "Error"): "of what_is_missing()",
    ("src/detect/training_data.cpp", "refuse"): "of io::mismatches()",
    ("src/detect/methods.cpp", "warnings.push_back"): "what a fit warned of",
    ("src/flow/loaded_pipeline.cpp", "Error"): "lines of a config's problems",
    ("src/flow/loaded_pipeline.cpp", "notes.push_back"): "the gate's own warning, in cascade/decide.cpp",
    ("src/flow/name_list.cpp", "Error"): THROWN_BELOW,
    ("src/flow/picture_preparer.cpp", "fail"): THROWN_BELOW,
    ("src/flow/scan.cpp", "failed_input"): "of read_standard_input() and of the callers of fail()",
    ("src/flow/stage_work.cpp", "fail"): THROWN_BELOW,
    ("src/flow/stage_work.cpp", "log_warning"): "a network's error",
    ("src/flow/table.cpp", "Error"): "by refuse()",
    ("src/flow/table.cpp", "refuse"): "of CsvFields",
    ("src/flow/tar.cpp", "Error"): THROWN_BELOW,
    ("src/flow/training_feed.cpp", "log_info"): "a decoder's warning",
    ("src/flow/tar.cpp", "fail"): THROWN_BELOW,
    ("src/flow/tar.cpp", "failed_input"): "of why_without_content()",
    ("src/image/png.cpp", "warnings.push_back"): "of image/clipped_grey.hpp",
    ("src/image/pnm.cpp", "warnings.push_back"): "the same",
    ("src/image/tiff.cpp", "warnings.push_back"): "the same",
    ("src/io/activation_store.cpp", "Error"): "by refuse(), or " + THROWN_BELOW,
    ("src/io/checked_json.cpp", "Error"): "the lines of problems.add()",
    ("src/io/checked_json.cpp", "problems_.add"): "nlohmann's words for a syntax error, and where it is",
    ("src/io/checked_json.hpp", "problems_->add"): "the callers of .problem()",
    ("src/io/merge.cpp", "Error"): "the lines of problems.push_back()",
    ("src/io/merge.cpp", "problems.push_back"): "of objection() and differences()",
    ("src/io/npy.cpp", "Error"): "by refuse(), or " + THROWN_BELOW,
    ("src/io/npy.cpp", "refuse"): "of other_type()",
    ("src/io/row_reader.cpp", "refuse"): "of CsvFields",
    ("src/io/score_reader.cpp", "refuse"): "the same",
    ("src/io/samples.cpp", "Error"): "by refuse()",
    ("src/io/samples.cpp", "refuse"): "of CsvFields",
    ("src/io/run_record.cpp", "Error"): THROWN_BELOW,
    ("src/io/score_reader.cpp", "refuse"): "of CsvFields",
    ("src/io/score_run.cpp", "Error"): THROWN_BELOW,
    ("src/model/network_file.cpp", "Error"): THROWN_BELOW,
    ("src/torch/guarded.cpp", "Error"): "LibTorch's reason",
    ("src/torch/named_outputs.hpp", "Error"): "of named_outputs.cpp",
    ("src/torch/sgd.cpp", "Error"): "by refuse()",
    ("src/torch/script_network.cpp", "Error"): "LibTorch's reason, or an error thrown below",
}

# Files that write to standard error themselves.
SPEAKERS = {
    "apps/cli/progress.cpp": "figures, not messages",
    "apps/infer.cpp": "one line of JSON for programs, in say_ready()",
    "apps/openset.cpp": "the dispatcher loads no log",
}

# Texts that break a rule for a reason.
EXCEPTIONS = {
    "standard output: cannot write": "nothing more is known",
    "--operating-point {}: {}": "the last piece, of refuse(), is looked at",
    "{} together with {}: {}": "the last piece, of refuse_beside(), is looked at",
    '{"ready": true, "protocol": 1}{}': "no message",
}

# An Obstacle is a reason, which LoadReport tells behind a sentence of its own; it never leaves src/torch/lowering.cpp.
THROWN = {"Error", "WrongOutput", "NotKnown", "Obstacle", "std::bad_alloc", "cli::Interrupted", "Refusal", "refusal", ";"}

# ---- rules

FOREIGN = {"can't allocate memory", "invalid literal", "invalid "}  # what LibTorch and nlohmann say, to be replaced

UNWANTED = re.compile(r"\b(please|sorry|oops|invalid|illegal|bad|fatal|failed to|unable to|(?:ca|do|wo|is)n't|couldn't|error:)(?!\w)|!$", re.IGNORECASE)
BEGINNING = re.compile(r"""\{\}|["a-z0-9/[-]|[A-Z][A-Z0-9_]+\b""")
WAY_OUT = re.compile(r"expected|; |, or [a-z]|no such|did you mean|cannot [a-z]+( [a-z]+)*: \{\}$")
THING = re.compile(r"\{\}|--?[a-z]")


def faults_of(message):
    text = message.text
    if text in EXCEPTIONS:
        return
    if not BEGINNING.match(text):
        yield "begins with neither a name nor a lower-case word"
    if "\n" in text or "\\n" in text:
        yield "is more than one line"
    if re.search(r"[.!:;,]$", text.removesuffix("...")):
        yield "ends with a mark"
    if message.rule in (PROBLEM, USAGE) and not WAY_OUT.search(text):
        yield "says neither what was expected nor what to do"
    if message.rule == USAGE and not THING.search(text):
        yield "names no thing"


# ---- reading C++

TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\((?P<raw>.*?)\)(?P=mark)"|"(?P<text>(?:[^"\\\n]|\\.)*)"|'(?:[^'\\]|\\.)+'|"""
    r"""[A-Za-z_]\w*|\d[\w.']*|::|->|<<|.|\n""",
    re.DOTALL)


class Token(str):
    line = 0
    literal = False


def tokens_of(text):
    found, line = [], 1
    for match in TOKEN.finditer(re.sub(r"^[ \t]*#.*$", "", text, flags=re.MULTILINE)):
        word = match.group()
        if not word.isspace() and not word.startswith(("//", "/*")):
            literal = match["text"] if match["text"] is not None else match["raw"]
            token = Token(word if literal is None else literal.replace('\\"', '"'))
            token.line, token.literal = line, literal is not None
            found.append(token)
        line += word.count("\n")
    return found


def arguments_from(tokens, start):
    """The arguments of the call whose opening bracket stands at `start`, each a list of tokens."""
    arguments, depth = [[]], 0
    for token in tokens[start:]:
        if not token.literal and token in "([{":
            depth += 1
            if depth == 1:
                continue
        elif not token.literal and token in ")]}":
            depth -= 1
            if depth == 0:
                break
        if token == "," and not token.literal and depth == 1:
            arguments.append([])
        else:
            arguments[-1].append(token)
    return [argument for argument in arguments if argument]


CALLS = {"did_you_mean": "; did you mean", "no_such_file": "no such file, expected "}  # functions that make a piece


def text_of(expression, constants):
    """The text that an expression makes; {} stands for what is known at run time only."""
    text = ""
    for token in expression:
        if token.literal:
            text += token
        elif token in constants:
            text += constants[token]
        elif token in CALLS:
            text += CALLS[token]
        elif token not in "+()?:" and token not in ("std", "string", "::") and not text.endswith("{}"):
            text += "{}"
    return text


def constants_of(tokens):
    """Named texts: constexpr const char* name = "...";"""
    return {tokens[i - 2]: token for i, token in enumerate(tokens)
            if token.literal and tokens[i - 1] == "=" and tokens[i - 3] in ("*", "string") and tokens[i + 1] == ";"}


class Message:
    def __init__(self, file, line, call, rule, text):
        self.file, self.line, self.call, self.rule, self.text = file, line, call, rule, text
        self.passed_on = not re.search(r"[A-Za-z]{2}", text)

    def __str__(self):
        return f"{self.file}:{self.line}: {self.text}"


def callee(tokens, i):
    """What is called at i, with what it is a member of where that matters: "problems_.add"."""
    if tokens[i - 1] not in (".", "->"):
        return tokens[i]
    for known in (f"{tokens[i - 2]}{tokens[i - 1]}{tokens[i]}", f"{tokens[i - 1]}{tokens[i]}"):
        if known in MAKERS:
            return known
    return ""


def is_declaration(tokens, i):
    """`void log_error(std::string_view message)`: a call stands behind no type."""
    return tokens[i - 1] in ("void", "explicit", "Input", "class", "auto", "&", ">")


def rules_of_error(kind):
    """The kind of an Error as it stands in the source: one, several behind a condition, or a variable."""
    kinds = [kind[i + 2] for i, token in enumerate(kind) if token == "ErrorKind" and i + 2 < len(kind)]
    return {ERRORS.get(each, ROW) for each in kinds} or {ROW}


def calls(file, tokens, constants):
    for i, token in enumerate(tokens[:-1]):
        if token.literal or tokens[i + 1] != "(" or is_declaration(tokens, i):
            continue
        arguments = arguments_from(tokens, i + 1)
        if token == "Error" and len(arguments) == 2 and "const" not in arguments[1]:
            for rule in sorted(rules_of_error(arguments[0])):
                yield Message(file, token.line, "Error", rule, text_of(arguments[1], constants))
        elif callee(tokens, i) in MAKERS:
            which, rule = MAKERS[callee(tokens, i)]
            if token == "refuse" and file in COMPLETING:
                rule = ROW
            if len(arguments) > which and "const" not in arguments[which]:
                yield Message(file, token.line, callee(tokens, i), rule, text_of(arguments[which], constants))


def streams(file, tokens, constants):
    """std::cerr << ... ;"""
    for i, token in enumerate(tokens):
        if token != "cerr" or token.literal or tokens[i + 1] != "<<":
            continue
        end = next(k for k in range(i, len(tokens)) if tokens[k] == ";" and not tokens[k].literal)
        text = text_of([part for part in tokens[i + 1:end] if part != "<<"], constants)
        if text != "{}":  # the help
            yield Message(file, token.line, "cerr", PROBLEM, text.removeprefix("openset: ").removesuffix("\\n"))


def returns(file, tokens, constants):
    header, body, depth = False, 0, 0  # body: at which depth of brackets that of a validator stands, 0 outside
    for i, token in enumerate(tokens):
        if token.literal:
            continue
        depth += (token == "{") - (token == "}")
        if depth < body:
            body = 0
        if token == RETURNING_TYPE and tokens[i + 2] == "(":
            header = True
        elif header and token in "{;":
            header, body = False, depth if token == "{" else 0
        if token == "return" and (body or file in RETURNING_FILES):
            end = next(k for k in range(i, len(tokens)) if tokens[k] == ";" and not tokens[k].literal)
            text = text_of(tokens[i + 1:end], constants)
            if re.search("[a-z] ", text):
                yield Message(file, token.line, "return", PROBLEM, text)


def escapes(file, tokens):
    """What would reach the user past all this."""
    for i, token in enumerate(tokens):
        if token.literal:
            if token not in FOREIGN and (found := UNWANTED.search(token)):
                yield token.line, f'"{token}": messages do without "{found[0]}"'
        elif token in ("cerr", "stderr") and file not in SPEAKERS:
            yield token.line, "writes to standard error past the log"
        elif token == "throw" and "".join(tokens[i + 1:i + 4]) not in THROWN and tokens[i + 1] not in THROWN:
            yield token.line, f"throws {tokens[i + 1]}, expected an Error"


def review(file, text):
    """The messages of a file, and what is wrong: (line, words)."""
    tokens = tokens_of(text)
    constants = constants_of(tokens)
    messages = [*calls(file, tokens, constants), *streams(file, tokens, constants), *returns(file, tokens, constants)]
    faults = list(escapes(file, tokens))
    for message in messages:
        if not message.passed_on:
            faults += [(message.line, f"{fault}: {message.text}") for fault in faults_of(message)]
        elif message.rule != NOUN and (file, message.call) not in RELAYS:
            faults.append((message.line, f"{message.call} passes a text on: name it in RELAYS of check_messages.py, and who looks at it"))
    return messages, faults


def sources(root):
    for folder in ("src", "apps"):
        for path in sorted([*(root / folder).rglob("*.cpp"), *(root / folder).rglob("*.hpp")]):
            yield path.relative_to(root).as_posix(), path.read_text()


def self_test():
    bad = [
        'throw Error(ErrorKind::usage, path + ": line 3");',
        'throw Error(ErrorKind::usage, "expected something else");',
        'throw Error(ErrorKind::model, path + ": wrong");',
        'throw Error(ErrorKind::model, path + ": has no code; export it.");',
        'throw Error(ErrorKind::model, "Network: no code; export it");',
        'throw Error(kind, message);',
        'throw std::runtime_error("x");',
        'log_warning("an invalid name");',
        'log_warning(path + ": two\\nlines");',
        'std::cerr << "openset: oh";',
        'problems.add(pointer, "no good");',
        'CLI::Validator even() { return CLI::Validator([](std::string& v) { return "found " + v; }, ""); }',
    ]
    good = [
        'throw Error(ErrorKind::usage, "--x: found " + value + ", expected a number");',
        'throw Error(ErrorKind::output, path + ": cannot write: " + std::strerror(errno));',
        'throw Error(ErrorKind::truncated, "the data end early");',
        'log_warning(path + ": assumed: softmax");  // please, no error: a comment',
        'throw;',
    ]
    for text in bad:
        assert review("src/x.cpp", text)[1], f"not found: {text}"
    for text in good:
        assert not review("src/x.cpp", text)[1], f"{text}: {review('src/x.cpp', text)[1]}"


def main(arguments):
    if len(arguments) not in (1, 2) or arguments[1:] not in ([], ["--list"]):
        print(__doc__, file=sys.stderr)
        return 2
    self_test()
    count, found, relayed, texts = 0, 0, set(), set()
    for file, text in sources(Path(arguments[0])):
        messages, faults = review(file, text)
        count += len(messages)
        relayed |= {(file, message.call) for message in messages if message.passed_on}
        texts |= {message.text for message in messages}
        for line, words in faults:
            print(f"{file}:{line}: {words}")
            found += 1
        if "--list" in arguments:
            print(*messages, sep="\n")
    for file, call in RELAYS.keys() - relayed:
        print(f"{file}: {call} passes nothing on any more; take it out of RELAYS")
        found += 1
    for text in EXCEPTIONS.keys() - texts:
        print(f"{text}: stands nowhere any more; take it out of EXCEPTIONS")
        found += 1
    print(f"{count} messages, {found} faults")
    return 1 if found or count < 100 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
