"""Exchanges objects that rooms hold."""

from dataclasses import fields, is_dataclass, replace


def swap(whole, *pairs):
    """
    Exchange objects wherever a room holds them; return the new whole. Raises LookupError where a pair exchanges none.

    Each pair is an object that goes and the object that comes:
    `swap(rooms, (rooms.studio.client, FakeLabelStudio()))`. A room without any of them stays the same object.
    """
    used = set()
    swapped = _swap(whole, pairs, used)
    unused = [old for old, _ in pairs if id(old) not in used]
    if unused:
        raise LookupError(f"no room holds {unused}")
    return swapped


def _swap(whole, pairs, used):
    for old, new in pairs:
        if whole is old:
            used.add(id(old))
            return new
    if not is_dataclass(whole):
        return whole
    parts = {part.name: getattr(whole, part.name) for part in fields(whole)}
    changed = {name: new for name, part in parts.items() if (new := _swap(part, pairs, used)) is not part}
    return replace(whole, **changed) if changed else whole
