"""The contract suite of each plug-in kind, shipped so that an outsider's plug-in can be held to it too."""
