"""The command line: argv -> exit code. Only this package knows the terminal and the environment.

switches.py   THE table: ScanState's slash spelling and Linux spelling of the same options
slash.py      ``/i:x.xml`` -> ``--rules=x.xml``
options.py    words -> Request, with USMT's rules about what may stand together
run.py        scan and scanstate: the run with its screen, its log files and the closing summary
screen.py     what stderr shows while a run works: rich, plain lines or JSON
inspect.py    what is on the disks, as a table or as JSON
stores.py     prove or print what a store holds
doctor.py     what is installed, and is this machine fit to run us?
main.py       the commands, and the only ``except Exception``
"""

from __future__ import annotations
