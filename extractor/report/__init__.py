"""Event and Record -> files, totals, exit code.

Words defined here: Ledger (seen = stored + excluded + not stored), Observer files (progress log, list file, main log),
Estimate, Summary. Nothing here draws: the terminal belongs to ``cli``.
"""

from __future__ import annotations
