"""What a room may be told of earlier talks, and what of this one is proposed for keeping: light, visible, erasable (DESIGN section 6; the rule: `room`)."""
