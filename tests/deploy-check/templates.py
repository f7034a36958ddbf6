"""Prints templates of CloudFormation as JSON, by path: what YAML's short forms (!Sub, ..) stand for is
written out."""

import json
import sys

from cfnlint.decode import decode

templates = {}
for path in sys.argv[1:]:
    template, problems = decode(path)
    if problems:
        sys.exit(f"{path}: {problems}")
    templates[path] = template
json.dump(templates, sys.stdout)
