from __future__ import annotations

import struct

import pytest

from sample_images.security import descriptor, inherited_sddl, sid_bytes


def test_a_sid_is_packed_as_ms_dtyp_says() -> None:
    assert sid_bytes("S-1-5-32-544").hex() == "01020000000000052000000020020000"
    assert sid_bytes("BA") == sid_bytes("S-1-5-32-544")


def test_a_descriptor_points_at_its_parts() -> None:
    data = descriptor("O:BAG:SYD:P(A;OICI;FA;;;SY)(D;;0x1;;;WD)")
    control, owner, group, sacl, dacl = struct.unpack_from("<HIIII", data, 2)
    assert (control, sacl, dacl) == (0x9004, 0, 20)
    assert data[owner:].startswith(sid_bytes("BA"))
    assert data[group:] == sid_bytes("SY")
    assert struct.unpack_from("<BBHH", data, dacl)[3] == 2


def test_a_child_inherits_what_is_marked_for_it() -> None:
    parent = "O:SYG:SYD:PAI(A;OICI;FA;;;BA)(A;CI;FR;;;BU)(A;;FW;;;AU)"
    assert (
        inherited_sddl(parent, directory=True) == "O:SYG:SYD:AI(A;OICIID;FA;;;BA)(A;CIID;FR;;;BU)"
    )
    assert inherited_sddl(parent, directory=False) == "O:SYG:SYD:AI(A;ID;FA;;;BA)"


def test_inheritance_goes_on_below() -> None:
    once = inherited_sddl("O:SYG:SYD:P(A;OICI;FA;;;BA)", directory=True)
    assert inherited_sddl(once, directory=True) == once


def test_richer_sddl_is_refused() -> None:
    with pytest.raises(ValueError, match="not the SDDL"):
        descriptor("O:BAG:SYS:(AU;;FA;;;WD)")
