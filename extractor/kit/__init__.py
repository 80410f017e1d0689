"""A store -> a folder that restores it on Windows: contents, ``.reg`` files, a PowerShell script, and what it says."""
