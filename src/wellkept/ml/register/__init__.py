"""Registration: a judged model becomes a version, under its digest, with its lineage."""
