"""What may be recalled now, and what is proposed for keeping. See DESIGN section 6 in `bot/README.md`'s words: light, visible, erasable."""
