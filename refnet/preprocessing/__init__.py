"""Preprocessing: a picture becomes the network's input.

``images`` is the way in: ``decode`` makes RGB pixels, ``crop`` takes a part of them, a ``resize`` brings it to the
network's size, and ``normalise`` makes the numbers that the weights were trained on. ``recipe`` names the three.
"""
