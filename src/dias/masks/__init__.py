"""What can be done with masks, without a network: label maps, overlap, matching, run lengths, boxes.

Each module is imported by its own name: boxes and run lengths come without torch, so that `dias data`, which
reads data sets, need not wait for it.
"""
