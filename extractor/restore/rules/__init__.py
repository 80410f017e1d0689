"""What rules ask of a restore -> for each object what becomes of it: whether it comes, where, as what, who gives way.

The instructions are those of the catalog (``asked``), or of files given now (``load_rules``).
"""
