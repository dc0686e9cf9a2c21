"""Character Cards V1, V2 and V3: read from strangers' files within bounds, understood as personas, written again without loss.

container.py   PNG, JSON, CHARX, TOML → the fields of the card
png.py         chunks: those that hold a card, and the picture, which is all others
charx.py       archives: the card, and its files
files.py       what a card brings besides its text, and the bounds of that
tidy.py        a card's texts as they may be spoken: macros, stage directions, orders to the model
reading.py     the fields → a persona, and a report of what became of each
writing.py     a persona → the fields of a V2 and a V3 card, in one PNG or a CHARX
"""
