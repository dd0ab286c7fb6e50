"""What NumPy makes of an array that Ocelli wrote: `python numpy_array.py FILE.npy` prints its type, shape and values as JSON."""

import json
import sys

import numpy

values = numpy.load(sys.argv[1])
print(json.dumps({"type": values.dtype.str, "shape": values.shape, "values": values.flatten().tolist()}))
