"""What kind of file system a folder is on: SQLite's write-ahead log needs one that is local."""

from pathlib import Path

_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "beegfs", "afs"}


def file_system(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Return the type of the file system that holds a folder; empty where that can't be known."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    place = str(folder.resolve())
    best = (-1, "")
    for line in lines:
        left, _, right = line.partition(" - ")
        point = left.split()[4].replace("\\040", " ")
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best[0] and right:
            best = (len(point), right.split()[0])
    return best[1]


def network_file_system(folder: Path) -> str | None:
    """Return the type of the file system if other machines can write to it, otherwise None."""
    kind = file_system(folder)
    return kind if kind in _NETWORK or kind.startswith(("fuse.sshfs", "fuse.gluster", "fuse.s3")) else None
