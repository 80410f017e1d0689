"""An encrypted store: every file of it sealed with age, so that ``age -d`` alone opens it on any computer.

A sealed directory holds, each name with ``.age`` behind it:

* a whole file as one age file: ``manifest.jsonl.age``;
* a file that is written out of order (``store.wim``) as parts ``store.wim.00000.age``, ``store.wim.00001.age`` ...
  whose plaintexts, joined in that order, are the file. Part 0 is its first bytes, which may change until the end;
* ``parts.json.age``, the listing, sealed last: for each file its parts in order, each with size and SHA-256 of the
  plaintext and of the sealed bytes. age binds bytes to a key, not a part to its place; the listing does;
* ``identity.age``, when the store has a passphrase: the store's X25519 identity, sealed with it (scrypt). This is what
  ``age -d -i identity.age`` asks the passphrase for;

and ``sealed.sha256``, plain, for ``sha256sum -c``: the sums of all the others. It proves nothing against a forger, whom
the listing stops; it tells damage from a wrong key, and lets a store be checked where its key is not.

What this does not give: who knows a recipient can seal a whole other store to it (age has no signatures), and the
number of parts and their sizes, so the size of the store, can be seen by everybody.

A store for ``--recipient`` is written by somebody who cannot open it. Parts that had to leave memory before their file
was finished carry one recipient more: an identity that was made for the run, was never written, and ended with it.

Source: age-encryption.org/v1 (C2SP age). pyrage encrypts; nothing here is USMT's encryption, which is not public.
"""

from __future__ import annotations
