"""The scraper: targets that expose Prometheus metrics are asked for them, and what they say is stored."""
