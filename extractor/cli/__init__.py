"""The command line: argv -> exit code. Only this package knows the terminal and the environment.

switches.py   THE table: ScanState's slash spelling and Linux spelling of the same options
slash.py      ``/i:x.xml`` -> ``--rules=x.xml``
options.py    words -> Request, with USMT's rules about what may stand together
screen.py     rich: progress, tables, the closing summary
inspect.py    what is on the disks, as a table or as JSON
doctor.py     is this machine fit to run us?
main.py       the commands, and the only ``except Exception``
"""

from __future__ import annotations
