"""Everything on disk: files, locks, journals, parts and the folder of a wave. Only `files` writes under `data/`."""
