"""The definition: every operation of the network in array code, one screen each, slow and exact.

Arrays are NHWC: x is [N, H, W, C]. Each output element is one chain of IEEE-754 operations in the order written here;
NumPy spreads a chain's step over all output elements, which changes nothing. No operation reduces with a library call.
"""
