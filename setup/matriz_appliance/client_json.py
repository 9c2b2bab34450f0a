# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets keys of a client.json and leaves everything else as its owner wrote it, comments too."""
import json
import re

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/|[{}\[\],:]|[^\s{}\[\],:"/]+|\s+|.', re.S)


class Bad(Exception):
    """The file is no JSON object."""


def _tokens(text):
    """(kind, start, end) of everything that is neither blank nor comment."""
    for match in _TOKEN.finditer(text):
        token = match.group()
        if not token.isspace() and not token.startswith(("//", "/*")):
            yield token, match.start(), match.end()


def members(text):
    """{key: (start, end)} of the values of the outermost object, and the offset just behind its opening brace."""
    spans, depth, key, value_start, value_end, inside = {}, 0, None, None, None, None
    previous = None
    for token, start, end in _tokens(text):
        if depth == 1 and token in (",", "}") and key is not None and value_start is not None:
            spans[key] = (value_start, value_end)
            key = value_start = None
        elif depth == 1 and token == ":" and key is None and previous and previous.startswith('"'):
            key = json.loads(previous)
            previous = token
            continue
        elif depth >= 1 and key is not None:
            value_start = start if value_start is None else value_start
            value_end = end
        if token in "{[":
            depth += 1
            inside = end if inside is None else inside
        elif token in "}]":
            depth -= 1
        previous = token
    if inside is None or depth != 0 or not text[:inside].rstrip().endswith("{"):
        raise Bad("not a JSON object")
    return spans, inside


def values(text):
    """The object, read as the node reads it: comments are allowed."""
    bare = "".join(match.group() for match in _TOKEN.finditer(text) if not match.group().startswith(("//", "/*")))
    try:
        found = json.loads(bare)
    except ValueError as error:
        raise Bad(str(error)) from error
    if not isinstance(found, dict):
        raise Bad("not a JSON object")
    return found


def changed(text, wanted):
    """`text` with the keys of `wanted` set. An empty text becomes a new file."""
    if not text.strip():
        return json.dumps(wanted, indent=4, ensure_ascii=False) + "\n"
    now = values(text)
    spans, inside = members(text)
    for key, (start, end) in sorted(spans.items(), key=lambda item: -item[1][0]):
        if key in wanted and now[key] != wanted[key]:
            text = text[:start] + json.dumps(wanted[key], ensure_ascii=False) + text[end:]
    new = [key for key in wanted if key not in spans]
    if new:
        lines = [f"\n    {json.dumps(key)}: {json.dumps(wanted[key], ensure_ascii=False)}" for key in new]
        text = text[:inside] + ",".join(lines) + ("," if spans else "\n") + text[inside:]
    if values(text) != {**now, **wanted}:
        raise Bad("cannot be edited in place")
    return text
