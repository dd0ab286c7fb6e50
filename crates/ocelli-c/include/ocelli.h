/*
 * ocelli.h: what an image shows, by a model that `ocelli train` made.
 *
 *     ocelli_model *model;
 *     float probabilities[10];
 *     if (ocelli_load("model.safetensors", 0, &model) != OCELLI_OK ||
 *         ocelli_predict_file(model, "photo.jpg", probabilities, 10) != OCELLI_OK)
 *         fprintf(stderr, "%s\n", ocelli_last_error());
 *     ocelli_free(model);
 *
 * Functions that can fail return a status and leave a sentence for ocelli_last_error(). NULL where a pointer is needed is such a failure.
 * Text is UTF-8 and ends in a zero byte. C99, C++98 and later; numbers have the sizes that their types say, with size_t for lengths.
 *
 * Threads: every function may be called from any thread. One model may be asked from many threads at once: images are decoded and resized on
 * the threads that call, all at a time, and go through the network one after the other, each on all of the model's own threads. Answers do not
 * depend on how many there are. Only ocelli_free() must wait until no call uses the model any more.
 *
 * A process that forks has no threads in the child: load models after fork(), not before.
 */
#ifndef OCELLI_H
#define OCELLI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A loaded model. */
typedef struct ocelli_model ocelli_model;

/* What a call came to: one of the following. */
typedef int32_t ocelli_status;

enum {
    /* It did what was asked for. */
    OCELLI_OK = 0,
    /* An argument cannot be: NULL, a wrong length, an unknown format. */
    OCELLI_ERROR_ARGUMENT = 1,
    /* The model cannot be read, is none, or cannot be run here. */
    OCELLI_ERROR_MODEL = 2,
    /* The image cannot be read, is none, is cut short, is too large, or does not suit the model. */
    OCELLI_ERROR_IMAGE = 3,
    /* A mistake in the library. */
    OCELLI_ERROR_INTERNAL = 4
};

/* How the bytes of a pixel lie. Alpha is not read. */
enum {
    OCELLI_GREY8 = 1,
    OCELLI_RGB8 = 2,
    OCELLI_RGBA8 = 3,
    OCELLI_BGR8 = 4,
    OCELLI_BGRA8 = 5
};

/*
 * Loads the model file at `path` and makes it ready, with `threads` threads (0: one for each core; 1024 at most). `path` is as the system has
 * it, any bytes, on Unix, and UTF-8 on Windows. *model is the model, or NULL if it could not be loaded; ocelli_free() frees it.
 */
ocelli_status ocelli_load(const char *path, uint32_t threads, ocelli_model **model);

/* The same for a model file in memory: `len` bytes, which are not needed any more afterwards. */
ocelli_status ocelli_load_bytes(const void *data, size_t len, uint32_t threads, ocelli_model **model);

/* Frees a model and all that it gave, and waits until its threads have ended. NULL is ignored. */
void ocelli_free(ocelli_model *model);

/*
 * Says what an image file shows: PNG, JPEG, WebP, BMP, GIF or TIFF, of any size (up to 64 Mi pixels and 256 MiB). `probabilities` gets the
 * probability of each class, in the order of the classes, and `len` must be ocelli_class_count(). They add up to 1, unless images may
 * have several classes: then each is by itself. After a failure what is there means nothing.
 */
ocelli_status ocelli_predict_file(const ocelli_model *model, const char *path, float *probabilities, size_t len);

/* The same for an image file in memory: `data_len` bytes. */
ocelli_status ocelli_predict_bytes(const ocelli_model *model, const void *data, size_t data_len, float *probabilities,
                                   size_t len);

/*
 * The same for pixels: `height` rows of `width` pixels in the `format` OCELLI_GREY8 to OCELLI_BGRA8, the upper left one first, `stride` bytes from the
 * beginning of a row to that of the next, at least as many as a row has. Colours become grey for a model of grey images, and grey colours.
 */
ocelli_status ocelli_predict_pixels(const ocelli_model *model, const void *pixels, uint32_t height, uint32_t width,
                                    size_t stride, int32_t format, float *probabilities, size_t len);

/* How many classes a model has; 0 for NULL. */
size_t ocelli_class_count(const ocelli_model *model);

/* The name of a class, from 0; NULL if there is no such class. It lives as long as the model. */
const char *ocelli_class_name(const ocelli_model *model, size_t index);

/* The probability that the likeliest class needs for an answer; 0 where the model asks for none. Calls do not apply it. */
float ocelli_reject_threshold(const ocelli_model *model);

/*
 * Of a model whose images may have several classes: from which probability on an image has each, as many as there are classes. NULL for all other
 * models. They live as long as the model. Calls do not apply them.
 */
const float *ocelli_label_thresholds(const ocelli_model *model);

/* Why the call that failed last on this thread did so; "" if none has. It lives until the next call on this thread that fails. */
const char *ocelli_last_error(void);

/* The library's version, such as "0.1.0". */
const char *ocelli_version(void);

#ifdef __cplusplus
}
#endif

#endif
