"""The systems that PMF is compared with, one file each, over the same inputs and encoders: see ``registry``."""
