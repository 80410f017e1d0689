"""Tests of the sample images: they hold what their contents.toml says, as strangers' tools see it."""
