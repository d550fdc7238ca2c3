"""Values into words: text for people, JSON documents for programs. Everything here returns str or data."""
