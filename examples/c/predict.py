"""Says what image files show, through libocelli: python predict.py libocelli.so MODEL IMAGE..."""

import sys
from ctypes import CDLL, POINTER, byref, c_char_p, c_float, c_int32, c_size_t, c_uint32, c_void_p
from os import fsencode


class Model:
    """A model that `ocelli train` saved. Any number of threads may ask it at once."""

    def __init__(self, library, path, threads=0):
        self.model, self.ocelli = c_void_p(), CDLL(library)
        self.ocelli.ocelli_load.argtypes = [c_char_p, c_uint32, POINTER(c_void_p)]
        self.ocelli.ocelli_predict_file.argtypes = [c_void_p, c_char_p, POINTER(c_float), c_size_t]
        self.ocelli.ocelli_class_count.argtypes, self.ocelli.ocelli_class_count.restype = [c_void_p], c_size_t
        self.ocelli.ocelli_class_name.argtypes, self.ocelli.ocelli_class_name.restype = [c_void_p, c_size_t], c_char_p
        self.ocelli.ocelli_last_error.restype = c_char_p
        self.ocelli.ocelli_free.argtypes, self.ocelli.ocelli_free.restype = [c_void_p], None
        self._check(self.ocelli.ocelli_load(fsencode(path), c_uint32(threads), byref(self.model)))
        count = self.ocelli.ocelli_class_count(self.model)
        self.classes = [self.ocelli.ocelli_class_name(self.model, index).decode() for index in range(count)]

    def predict(self, path):
        """The probability of each class for an image file."""
        probabilities = (c_float * len(self.classes))()
        self._check(self.ocelli.ocelli_predict_file(self.model, fsencode(path), probabilities, len(self.classes)))
        return list(probabilities)

    def _check(self, status):
        if c_int32(status).value != 0:
            raise ValueError(self.ocelli.ocelli_last_error().decode())

    def __del__(self):
        self.ocelli.ocelli_free(self.model)


if __name__ == "__main__":
    library, path, *images = sys.argv[1:]
    model = Model(library, path)
    for image in images:
        probability, name = max(zip(model.predict(image), model.classes))
        print(f"{image}: {name} ({100 * probability:.1f}%)")
