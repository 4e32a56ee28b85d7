"""Every operation that the app serves, read from its own map of URLs, so that a new one can't be forgotten."""

import re


def operations(app):
    """Each (method, path) of the app, ids and the like as ``<name>``; without HEAD and OPTIONS, which follow from them."""
    return sorted(
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    )


def filled(path, ids):
    """A path with ids in the place of their names: one for all, or by the name."""
    return re.sub(r"<(\w+)>", lambda match: str(ids.get(match[1], "") if isinstance(ids, dict) else ids), path)
