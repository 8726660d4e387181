"""The report's figures, drawn with matplotlib: each becomes a picture in the page and three files beside it.

Colour is the supervisor, line and marker are the method, black is trained on ground truth: as in figure 3 of Burns et
al. (2023). Colour never stands alone. One file per family of figures; `studio` holds what they share.
"""
