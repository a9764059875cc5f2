"""Keys that differ in one word, where many words were seen: told without masking the line again."""

from __future__ import annotations

MANY = 12
"""After so many different words at a place, any other word there is taken for a value, too."""
MOST_FRAMES = 10_000
_Frame = tuple[int, bytes, bytes]


class Crowds:
    """Learns at which place keys of one shape differ, and then knows further such keys. What it learns is bounded."""

    def __init__(self) -> None:
        self._examples: dict[tuple[int, int], list[bytes]] = {}
        self._counts: dict[_Frame, int] = {}
        self._frames: dict[_Frame, int] = {}
        self._places: dict[int, set[int]] = {}

    def add(self, shape: int, tokens: list[bytes]) -> None:
        """A line whose key is new was masked to a shape that is known."""
        if len(self._examples) >= MOST_FRAMES or len(self._counts) >= MOST_FRAMES:
            self.__init__()  # type: ignore[misc] # begin anew: it is only a short cut
        other = self._examples.setdefault((shape, len(tokens)), tokens)
        differ = [place for place, (one, two) in enumerate(zip(tokens, other, strict=True)) if one != two]
        if len(differ) != 1:
            return
        frame = _frame(tokens, differ[0])
        self._counts[frame] = self._counts.get(frame, 0) + 1
        if self._counts[frame] >= MANY:
            self._frames[frame] = shape
            self._places.setdefault(len(tokens), set()).add(differ[0])

    def get(self, tokens: list[bytes]) -> int | None:
        """The shape of a key, where only a word of many is new."""
        for place in self._places.get(len(tokens), ()):
            found = self._frames.get(_frame(tokens, place))
            if found is not None and tokens[place] != b"0":
                return found
        return None


def _frame(tokens: list[bytes], place: int) -> _Frame:
    return place, b" ".join(tokens[:place]), b" ".join(tokens[place + 1 :])
