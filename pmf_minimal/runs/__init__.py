"""A run from beginning to end: trained, taken up again, looked at, kept in a folder."""
