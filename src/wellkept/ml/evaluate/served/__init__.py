"""The model as it is served: the real model server in a process of its own, asked and put under load."""
