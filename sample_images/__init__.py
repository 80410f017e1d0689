"""Sample images: contents.toml -> disk images that look like Windows made them.

Independent of the product it tests. `unpack(name, kind)` gives a committed image, `contents_of(name)`
the truth about it, `build.build(name, out)` makes it afresh; README.md tells what each holds.
"""

from __future__ import annotations

from sample_images.contents import contents_of
from sample_images.unpack import formats, unpack, unpack_all

__all__ = ["contents_of", "formats", "unpack", "unpack_all"]
