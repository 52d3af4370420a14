"""A stack's overlay on top of a base specification, key by key."""

from __future__ import annotations

from sluice.spec.nodes import Entry, MapNode, Node, map_node


def merged(base: Node, overlay: Node) -> Node:
    """Return `base` with `overlay` on top: mappings key by key, all else replaced.

    Every value keeps its own mark, so a message names the file it came from. Of several overlays it does not matter
    which two are merged first.
    """
    if not isinstance(overlay, MapNode) or overlay.whole:
        return overlay
    if not isinstance(base, MapNode):
        return overlay._replace(whole=True)
    entries = dict(base.entries)
    for key, entry in overlay.entries.items():
        under = entries.get(key)
        entries[key] = Entry(entry.key_at, merged(under.node, entry.node), entry.key_becomes) if under else entry
    return map_node(base.at, entries, whole=base.whole)
