"""Small pictures of a table's rows: of files, members of tars, and rows of Parquet files."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from serve.errors import ServeError
from serve.features.tables import ImageTables
from serve.image import MAX_PIXELS, convert, opened
from serve.paths import tar_members

__all__ = ["Pictures"]


class Pictures:
    """Finds and shrinks the images that paths of a table name."""

    def __init__(self) -> None:
        self._tables = ImageTables()
        self._tars: dict[Path, dict[str, tuple[int, int]]] = {}

    def small(self, path: str, side: int) -> Image.Image | None:
        """Give an image as RGB, upright, neither side longer than `side`; None: it is gone, remote or broken.

        Args:
            path: as it stands in the table, seen from here.
            side: in pixels.
        """
        try:
            data = self._read(path)
            if data is None:
                return None
            with opened(data, MAX_PIXELS) as image:
                image.draft("RGB", (2 * side, 2 * side))
                picture = convert(ImageOps.exif_transpose(image), 3)
                picture.thumbnail((side, side), Image.Resampling.LANCZOS)
                return picture
        except (OSError, ValueError, KeyError, ServeError):
            return None

    def _read(self, path: str) -> bytes | None:
        file = Path(path)
        if file.is_file():
            return file.read_bytes()
        holder = next((above for above in file.parents if above.is_file()), None)
        if holder is None:
            return None
        inside = path[len(str(holder)) + 1 :]
        if holder.suffix.lower() == ".parquet":
            return self._tables.read(str(holder), int(inside))
        if holder not in self._tars:
            self._tars[holder] = {member.name: (member.offset, member.size) for member in tar_members(holder)}
        offset, size = self._tars[holder][inside]
        with holder.open("rb") as tar:
            tar.seek(offset)
            return tar.read(size)
