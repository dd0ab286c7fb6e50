/*
 * What a program in C does with the library. It is compiled as C99 and as C++.
 *
 *     check files MODEL IMAGE...                          the bits of each image's probabilities, a line each
 *     check pixels MODEL FILE HEIGHT WIDTH STRIDE FORMAT  those of raw pixels
 *     check about MODEL                                   classes and thresholds
 *     check misuse MODEL IMAGE                            the sentence of everything that is refused
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ocelli.h"

static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, ocelli_last_error());
    exit(1);
}

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory) {
        fail("malloc");
    }
    return memory;
}

/* A whole file. */
static void *contents(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    void *bytes;
    long end;
    if (!file || fseek(file, 0, SEEK_END) != 0 || (end = ftell(file)) < 0) {
        fail(path);
    }
    *len = (size_t)end;
    bytes = allocate(*len);
    rewind(file);
    if (fread(bytes, 1, *len, file) != *len) {
        fail(path);
    }
    fclose(file);
    return bytes;
}

static void print_bits(const float *probabilities, size_t classes) {
    size_t index;
    for (index = 0; index < classes; index++) {
        uint32_t bits;
        memcpy(&bits, &probabilities[index], sizeof bits);
        printf("%s%08lx", index ? " " : "", (unsigned long)bits);
    }
    printf("\n");
}

/* Each image by its path, and from memory by a model that came from memory. */
static void files(const ocelli_model *model, const char *path, int count, char **images) {
    size_t classes = ocelli_class_count(model), len;
    float *by_path = (float *)allocate(classes * sizeof(float)), *from_memory = (float *)allocate(classes * sizeof(float));
    void *bytes = contents(path, &len);
    ocelli_model *other;
    int image;
    if (ocelli_load_bytes(bytes, len, 1, &other) != OCELLI_OK) {
        fail("ocelli_load_bytes");
    }
    free(bytes);
    for (image = 0; image < count; image++) {
        if (ocelli_predict_file(model, images[image], by_path, classes) != OCELLI_OK) {
            fail("ocelli_predict_file");
        }
        bytes = contents(images[image], &len);
        if (ocelli_predict_bytes(other, bytes, len, from_memory, classes) != OCELLI_OK) {
            fail("ocelli_predict_bytes");
        }
        free(bytes);
        if (memcmp(by_path, from_memory, classes * sizeof(float)) != 0) {
            fail("another answer from memory");
        }
        print_bits(by_path, classes);
    }
    free(by_path);
    free(from_memory);
    ocelli_free(other);
}

static void pixels(const ocelli_model *model, char **arguments) {
    size_t classes = ocelli_class_count(model), len;
    float *probabilities = (float *)allocate(classes * sizeof(float));
    void *bytes = contents(arguments[0], &len);
    uint32_t height = (uint32_t)atoi(arguments[1]), width = (uint32_t)atoi(arguments[2]);
    if (ocelli_predict_pixels(model, bytes, height, width, (size_t)atoi(arguments[3]), (int32_t)atoi(arguments[4]),
                              probabilities, classes) != OCELLI_OK) {
        fail("ocelli_predict_pixels");
    }
    print_bits(probabilities, classes);
    free(bytes);
    free(probabilities);
}

static void about(const ocelli_model *model) {
    const float *thresholds = ocelli_label_thresholds(model);
    size_t index;
    printf("version %s, reject %.3f\n", ocelli_version(), ocelli_reject_threshold(model));
    for (index = 0; index < ocelli_class_count(model); index++) {
        printf("%s %.3f\n", ocelli_class_name(model, index), thresholds ? thresholds[index] : -1.0f);
    }
    if (ocelli_class_name(model, index) || ocelli_class_name(NULL, 0) || ocelli_class_count(NULL) != 0 ||
        ocelli_label_thresholds(NULL) || ocelli_reject_threshold(NULL) != 0) {
        fail("answers about nothing");
    }
}

static void refused(ocelli_status expected, ocelli_status found) {
    if (found != expected) {
        fprintf(stderr, "status %d, but %d was expected\n", (int)found, (int)expected);
        exit(1);
    }
    printf("%d %s\n", (int)found, ocelli_last_error());
}

static void misuse(const ocelli_model *model, const char *image) {
    float places[64];
    unsigned char grey[6] = {0};
    size_t classes = ocelli_class_count(model);
    ocelli_model *other = (ocelli_model *)places;
    if (strcmp(ocelli_last_error(), "") != 0) {
        fail("an error before any");
    }
    refused(OCELLI_ERROR_ARGUMENT, ocelli_load(NULL, 1, &other));
    if (other) {
        fail("a model that was not loaded");
    }
    refused(OCELLI_ERROR_ARGUMENT, ocelli_load("x", 1, NULL));
    refused(OCELLI_ERROR_ARGUMENT, ocelli_load_bytes(NULL, 8, 1, &other));
    refused(OCELLI_ERROR_ARGUMENT, ocelli_load_bytes(grey, (size_t)-1, 1, &other));
    refused(OCELLI_ERROR_MODEL, ocelli_load("no such file", 1, &other));
    refused(OCELLI_ERROR_MODEL, ocelli_load(image, 1, &other));
    refused(OCELLI_ERROR_MODEL, ocelli_load("\xff\xfe", 1, &other));
    refused(OCELLI_ERROR_MODEL, ocelli_load_bytes(grey, sizeof grey, 1, &other));
    refused(OCELLI_ERROR_ARGUMENT, ocelli_predict_file(NULL, image, places, classes));
    refused(OCELLI_ERROR_ARGUMENT, ocelli_predict_file(model, NULL, places, classes));
    refused(OCELLI_ERROR_ARGUMENT, ocelli_predict_file(model, image, NULL, classes));
    refused(OCELLI_ERROR_ARGUMENT, ocelli_predict_file(model, image, places, classes + 1));
    refused(OCELLI_ERROR_IMAGE, ocelli_predict_file(model, "no such file", places, classes));
    refused(OCELLI_ERROR_ARGUMENT, ocelli_predict_bytes(model, NULL, 0, places, classes));
    refused(OCELLI_ERROR_IMAGE, ocelli_predict_bytes(model, grey, sizeof grey, places, classes));
    refused(OCELLI_ERROR_IMAGE, ocelli_predict_bytes(model, grey, 0, places, classes));
    refused(OCELLI_ERROR_ARGUMENT, ocelli_predict_pixels(model, NULL, 1, 6, 6, OCELLI_GREY8, places, classes));
    refused(OCELLI_ERROR_ARGUMENT, ocelli_predict_pixels(model, grey, 2, 3, 2, OCELLI_GREY8, places, classes));
    refused(OCELLI_ERROR_ARGUMENT, ocelli_predict_pixels(model, grey, 0, 3, 3, OCELLI_GREY8, places, classes));
    refused(OCELLI_ERROR_ARGUMENT, ocelli_predict_pixels(model, grey, 2, 3, (size_t)-1, OCELLI_GREY8, places, classes));
    refused(OCELLI_ERROR_ARGUMENT, ocelli_predict_pixels(model, grey, 1, 2, 6, 6, places, classes));
    refused(OCELLI_ERROR_ARGUMENT, ocelli_predict_pixels(model, grey, 2, 3, 3, OCELLI_GREY8, places, classes - 1));
    ocelli_free(NULL);
}

int main(int argc, char **argv) {
    ocelli_model *model;
    if (argc < 3 || ocelli_load(argv[2], 2, &model) != OCELLI_OK) {
        fail("ocelli_load");
    }
    if (strcmp(argv[1], "files") == 0) {
        files(model, argv[2], argc - 3, argv + 3);
    } else if (strcmp(argv[1], "pixels") == 0 && argc == 8) {
        pixels(model, argv + 3);
    } else if (strcmp(argv[1], "about") == 0) {
        about(model);
    } else if (strcmp(argv[1], "misuse") == 0 && argc == 4) {
        misuse(model, argv[3]);
    } else {
        fail("no such command");
    }
    ocelli_free(model);
    return 0;
}
