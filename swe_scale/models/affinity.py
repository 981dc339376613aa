"""Which replica an issue stays at: the same one in every process, and few move when one comes or goes."""

from collections.abc import Iterable
from hashlib import blake2b

__all__ = ["preference"]


def preference(key: str, addresses: Iterable[str]) -> list[str]:
    """Return the addresses in the order in which a key wants them; each key has an order of its own.

    Rendezvous hashing (Thaler and Ravishankar, 1998): the order of any two addresses doesn't depend on
    the others. So a key moves only when the address that it is at goes, and comes back when that does.
    """
    return sorted(addresses, key=lambda address: (_weight(key, address), address), reverse=True)


def _weight(key: str, address: str) -> bytes:
    # Not hash(), which differs between processes.
    text = f"{len(key)}:{key}{address}".encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=8).digest()
