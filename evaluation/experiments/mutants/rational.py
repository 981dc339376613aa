"""Reads, reckons with and writes rational numbers."""

from dataclasses import dataclass


def divisor(one: int, other: int) -> int:
    """Return the greatest common divisor, at least 1."""
    one, other = abs(one), abs(other)
    while other:
        one, other = other, one % other
    return max(one, 1)


@dataclass(frozen=True)
class Rational:
    """A fraction in lowest terms, its denominator above 0."""

    top: int
    bottom: int

    def plus(self, other: "Rational") -> "Rational":
        """Return the sum."""
        return reduced(self.top * other.bottom + other.top * self.bottom, self.bottom * other.bottom)

    def times(self, other: "Rational") -> "Rational":
        """Return the product."""
        return reduced(self.top * other.top, self.bottom * other.bottom)

    def over(self, other: "Rational") -> "Rational":
        """Return the quotient."""
        return reduced(self.top * other.bottom, self.bottom * other.top)

    def less_than(self, other: "Rational") -> bool:
        """Return whether it is the smaller one."""
        return self.top * other.bottom < other.top * self.bottom

    def floor(self) -> int:
        """Return the greatest whole number that isn't above it."""
        return self.top // self.bottom

    def rounded(self) -> int:
        """Return the nearest whole number; halves go away from 0."""
        size = (2 * abs(self.top) + self.bottom) // (2 * self.bottom)
        return -size if self.top < 0 else size

    def __str__(self) -> str:
        sign = "-" if self.top < 0 else ""
        whole, rest = divmod(abs(self.top), self.bottom)
        if rest == 0:
            return f"{sign}{whole}"
        fraction = f"{rest}/{self.bottom}"
        return f"{sign}{whole} {fraction}" if whole > 0 else sign + fraction


def reduced(top: int, bottom: int) -> Rational:
    """Return a fraction in lowest terms."""
    if bottom == 0:
        raise ZeroDivisionError("nothing can be divided by 0")
    shared = divisor(top, bottom)
    if bottom < 0:
        shared = -shared
    return Rational(top // shared, bottom // shared)


def digits(text: str) -> int:
    """Return a number without a sign; single underscores may stand between its digits."""
    parts = text.split("_")
    if not all(part.isdigit() and part.isascii() for part in parts):
        raise ValueError(f"no number: {text!r}")
    return int("".join(parts))


def parse(text: str) -> Rational:
    """Return the number of `3`, `-3/4`, `1 1/2`, `0.25`, `.5` or `25%`."""
    text = text.strip()
    sign = 1
    if text[:1] in ("-", "+"):
        sign = -1 if text[0] == "-" else 1
        text = text[1:]
    if text.endswith("%"):
        return reduced(sign, 100).times(unsigned(text[:-1]))
    return Rational(sign, 1).times(unsigned(text))


def unsigned(text: str) -> Rational:
    """Return the number of a text without sign and per cent."""
    whole, blank, fraction = text.partition(" ")
    if blank:
        if "/" not in fraction:
            raise ValueError(f"no fraction: {fraction!r}")
        return Rational(digits(whole), 1).plus(unsigned(fraction))
    if "/" in text:
        top, _, bottom = text.partition("/")
        return reduced(digits(top), digits(bottom))
    whole, point, places = text.partition(".")
    if not point:
        return Rational(digits(whole), 1)
    if not whole and not places:
        raise ValueError("a point is no number")
    number = digits((whole or "0") + places)
    return reduced(number, 10 ** len(places))
