"""Preprocessing: a picture becomes the network's input.

``preprocess`` goes all the way: ``read_image`` makes RGB pixels (``decode`` knows Pillow), ``crop`` takes a part of
them, a ``resize`` brings it to the network's size, and ``normalise`` makes the numbers that the weights were trained
on. A ``recipe`` names the three, and travels with the weights.
"""
