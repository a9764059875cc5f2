"""What ``wellkept models new`` copies: one small project for each task, which works as it is."""
