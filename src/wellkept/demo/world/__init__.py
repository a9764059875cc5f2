"""The world around the shop: people who pay, terminals they pay at, and those who pay with other people's cards."""
