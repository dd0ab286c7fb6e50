/* Says what image files show, with a model that `ocelli train` saved: predict MODEL IMAGE... */
#include <stdio.h>
#include <stdlib.h>

#include "ocelli.h"

int main(int argc, char **argv) {
    ocelli_model *model;
    float *probabilities;
    size_t classes, index, likeliest;
    int image, failed = 0;

    if (argc < 3) {
        fprintf(stderr, "usage: %s MODEL IMAGE...\n", argv[0]);
        return 2;
    }
    if (ocelli_load(argv[1], 0, &model) != OCELLI_OK) {
        fprintf(stderr, "error: %s\n", ocelli_last_error());
        return 1;
    }
    classes = ocelli_class_count(model);
    probabilities = (float *)malloc(classes * sizeof *probabilities);
    for (image = 2; image < argc && probabilities; image++) {
        if (ocelli_predict_file(model, argv[image], probabilities, classes) != OCELLI_OK) {
            fprintf(stderr, "error: %s\n", ocelli_last_error());
            failed = 1;
            continue;
        }
        likeliest = 0;
        for (index = 1; index < classes; index++) {
            if (probabilities[index] > probabilities[likeliest]) {
                likeliest = index;
            }
        }
        printf("%s: %s (%.1f%%)\n", argv[image], ocelli_class_name(model, likeliest), 100 * probabilities[likeliest]);
    }
    free(probabilities);
    ocelli_free(model);
    return failed;
}
