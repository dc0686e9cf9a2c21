"""Kith: a voice companion for Discord.

Start with `bot/README.md`: the map of the house, the journey of one packet, the words used here.
"""
