"""``python -m wellkept`` is the command ``wellkept``."""

from wellkept.cli.main import main

main()
