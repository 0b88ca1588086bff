"""Compares the pipeline config's schema with the parser's verdicts that config_corpus wrote; any disagreement fails.

    config_schema_check.py SCHEMA CORPUS

Exit code 77 where the module jsonschema is missing.
"""

import json
import sys

try:
    import jsonschema
except ImportError:
    print("SKIPPED: no Python module jsonschema (Debian: python3-jsonschema)")
    sys.exit(77)

LEAST_CASES = 2000
LEAST_ACCEPTED = 200


def main(schema_path, corpus_path):
    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)

    cases = accepted = disagreements = 0
    with open(corpus_path, encoding="utf-8") as file:
        for line in file:
            case = json.loads(line)
            error = jsonschema.exceptions.best_match(validator.iter_errors(case["config"]))
            cases += 1
            accepted += case["accepted"]
            if case["accepted"] == (error is None):
                continue
            disagreements += 1
            if disagreements <= 20:
                print(f"{case['case']}\n  parser: {case['problems'] or 'accepted'}")
                print(f"  schema: {error.message if error else 'accepted'}")

    print(f"{cases} configs, {accepted} accepted, {cases - accepted} refused, {disagreements} disagreements")
    if cases < LEAST_CASES or accepted < LEAST_ACCEPTED:
        print(f"too few: expected {LEAST_CASES} configs, {LEAST_ACCEPTED} of them accepted, or more")
        return 1
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
