"""The five acts, one file each: each breaks or changes something, and is judged by what the platform recorded."""
