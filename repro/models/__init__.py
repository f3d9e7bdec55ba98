"""Networks, one file each; `zoo.py` pairs them with weights, preprocessing and data."""
