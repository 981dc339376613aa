"""Lays text out in lines of a given width."""


def split_long(word: str, width: int) -> list[str]:
    """Return the pieces of a word that is too long for a line."""
    if width < 1:
        raise ValueError("a line has room for one character at least")
    return [word[at : at + width] for at in range(0, len(word), width)]


def wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """Return the lines of one paragraph.

    Args:
        text: words with any white space between them.
        width: characters of a line at most, its indent among them.
        first: indent of the first line.
        rest: indent of the others.
    """
    lines: list[str] = []
    line, empty = first, True
    for word in text.split():
        room = width - len(rest if lines else first)
        if len(word) > room:
            if not empty:
                lines.append(line)
                room = width - len(rest)
            pieces = split_long(word, room)
            for piece in pieces[:-1]:
                lines.append((rest if lines else first) + piece)
            line, empty = (rest if lines else first) + pieces[-1], False
        elif empty:
            line, empty = line + word, False
        elif len(line) + 1 + len(word) <= width:
            line = line + " " + word
        else:
            lines.append(line)
            line = rest + word
    if not empty:
        lines.append(line)
    return lines


def fill(text: str, width: int) -> str:
    """Return paragraphs, parted by empty lines, each of them wrapped."""
    paragraphs, current = [], []
    for line in text.splitlines():
        if line.strip():
            current.append(line)
        elif current:
            paragraphs.append(" ".join(current))
            current = []
    if current:
        paragraphs.append(" ".join(current))
    return "\n\n".join("\n".join(wrap(one, width)) for one in paragraphs)


def justify(line: str, width: int) -> str:
    """Return a line widened by blanks between its words; the first gaps get what doesn't divide."""
    words = line.split()
    if len(words) < 2:
        return line
    blanks = width - sum(len(word) for word in words)
    gaps = len(words) - 1
    if blanks < gaps:
        return " ".join(words)
    each, more = blanks // gaps, blanks % gaps
    text = words[0]
    for number, word in enumerate(words[1:]):
        text = text + " " * (each + (1 if number < more else 0)) + word
    return text


def shorten(text: str, width: int, mark: str = "...") -> str:
    """Return the words that fit, with a mark if some are left out."""
    words = text.split()
    whole = " ".join(words)
    if len(whole) <= width:
        return whole
    while words and len(" ".join(words)) + 1 + len(mark) > width:
        words.pop()
    return " ".join([*words, mark]) if words else mark[:width]


def dedent(text: str) -> str:
    """Return lines without the indent that all of them have."""
    lines = text.split("\n")
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    least = min(indents) if indents else 0
    return "\n".join(line[least:] if line.strip() else "" for line in lines)
