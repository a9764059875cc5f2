"""Syslog: RFC 5424 and RFC 3164, over UDP and over TCP in both framings."""
