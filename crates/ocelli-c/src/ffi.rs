//! The functions of `ocelli.h`, which says what each does. Here pointers become references, slices and paths, and nothing else happens.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};
use std::path::Path;
use std::ptr;
use std::slice;

use ocelli_model::Classifier;

use crate::error::{Failure, answer, last};
use crate::model::Model;
use crate::pixels::Format;

/// What a pointer points to, or an error that says which one is NULL.
///
/// # Safety
/// `pointer` is NULL, or points to a `T` that nobody changes for as long as the reference is used.
unsafe fn given<'a, T>(pointer: *const T, what: &str) -> Result<&'a T, Failure> {
    // SAFETY: as the caller says.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(what))
}

fn null(what: &str) -> Failure {
    Failure::Argument(format!("{what} is NULL"))
}

/// Bytes of C's.
///
/// # Safety
/// `data` is NULL, or has `len` bytes that nobody changes for as long as the slice is used.
unsafe fn bytes<'a>(data: *const c_void, len: usize, what: &str) -> Result<&'a [u8], Failure> {
    if data.is_null() {
        return Err(null(what));
    }
    if isize::try_from(len).is_err() {
        return Err(Failure::Argument(format!("{what} cannot have {len} bytes")));
    }
    // SAFETY: it is not NULL and no longer than an object can be; the rest is as the caller says.
    Ok(unsafe { slice::from_raw_parts(data.cast(), len) })
}

/// A path of C's: any bytes on Unix, UTF-8 elsewhere.
///
/// # Safety
/// `path` is NULL, or ends in a zero byte, and nobody changes it for as long as the path is used.
unsafe fn file<'a>(path: *const c_char) -> Result<&'a Path, Failure> {
    if path.is_null() {
        return Err(null("path"));
    }
    // SAFETY: it is not NULL; the rest is as the caller says.
    let path = unsafe { CStr::from_ptr(path) };
    #[cfg(unix)]
    return Ok(Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(path.to_bytes())));
    #[cfg(not(unix))]
    path.to_str().map(Path::new).map_err(|_| Failure::Argument(format!("path {path:?} is not UTF-8")))
}

/// The array that probabilities are written to, after a look whether it has one place for each class.
///
/// # Safety
/// `probabilities` is NULL, or has `len` floats that nobody else uses for as long as the slice is used.
unsafe fn places<'a>(model: &Model, probabilities: *mut f32, len: usize) -> Result<&'a mut [f32], Failure> {
    let classes = model.classes.len();
    if probabilities.is_null() {
        return Err(null("probabilities"));
    }
    if len != classes {
        let reason = format!("there is room for {len} probabilities, but the model has {classes} classes");
        return Err(Failure::Argument(reason));
    }
    // C may hand over memory in which nothing was written yet.
    // SAFETY: it is not NULL and, being as long as a list of ours, no longer than an object can be; the rest is as the caller says.
    unsafe { ptr::write_bytes(probabilities, 0, len) };
    // SAFETY: as above, and every float has been written.
    Ok(unsafe { slice::from_raw_parts_mut(probabilities, len) })
}

/// Gives a model to C, or NULL where there is none.
///
/// # Safety
/// `place` is NULL, or a pointer can be written to it.
unsafe fn hand_over(place: *mut *mut Model, load: impl FnOnce() -> Result<Model, Failure>) -> i32 {
    answer(|| {
        if place.is_null() {
            return Err(null("model"));
        }
        // SAFETY: it is not NULL; the rest is as the caller says.
        unsafe { place.write(ptr::null_mut()) };
        let model = Box::into_raw(Box::new(load()?));
        // SAFETY: as above.
        unsafe { place.write(model) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ocelli_load(path: *const c_char, threads: u32, model: *mut *mut Model) -> i32 {
    // SAFETY: `ocelli.h` asks for a string and a place for a pointer.
    unsafe { hand_over(model, || Model::new(&Classifier::load(file(path)?)?, threads)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ocelli_load_bytes(
    data: *const c_void,
    len: usize,
    threads: u32,
    model: *mut *mut Model,
) -> i32 {
    // SAFETY: `ocelli.h` asks for `len` bytes and a place for a pointer.
    unsafe { hand_over(model, || Model::new(&Classifier::from_bytes(bytes(data, len, "data")?)?, threads)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ocelli_free(model: *mut Model) {
    if !model.is_null() {
        // SAFETY: `ocelli.h` asks for a model that was loaded, that no call uses any more, and that was not freed: its box is ours again.
        let model = unsafe { Box::from_raw(model) };
        answer(|| {
            drop(model);
            Ok(())
        });
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ocelli_predict_file(
    model: *const Model,
    path: *const c_char,
    probabilities: *mut f32,
    len: usize,
) -> i32 {
    answer(|| {
        // SAFETY: `ocelli.h` asks for a model, a string, and `len` floats that are the caller's alone.
        let (model, path) = unsafe { (given(model, "model")?, file(path)?) };
        // SAFETY: the same.
        model.predict_file(path, unsafe { places(model, probabilities, len)? })
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ocelli_predict_bytes(
    model: *const Model,
    data: *const c_void,
    data_len: usize,
    probabilities: *mut f32,
    len: usize,
) -> i32 {
    answer(|| {
        // SAFETY: `ocelli.h` asks for a model, `data_len` bytes, and `len` floats that are the caller's alone.
        let (model, data) = unsafe { (given(model, "model")?, bytes(data, data_len, "data")?) };
        // SAFETY: the same.
        model.predict_bytes(data, unsafe { places(model, probabilities, len)? })
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ocelli_predict_pixels(
    model: *const Model,
    pixels: *const c_void,
    height: u32,
    width: u32,
    stride: usize,
    format: i32,
    probabilities: *mut f32,
    len: usize,
) -> i32 {
    answer(|| {
        let format = Format::of(format)?;
        let extent = format.extent(height, width, stride)?;
        // SAFETY: `ocelli.h` asks for a model, for that many bytes, and for `len` floats that are the caller's alone.
        let (model, pixels) = unsafe { (given(model, "model")?, bytes(pixels, extent, "pixels")?) };
        // SAFETY: the same.
        let places = unsafe { places(model, probabilities, len)? };
        model.predict(&format.image(pixels, height, width, stride, model.channels()), places)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ocelli_class_count(model: *const Model) -> usize {
    // SAFETY: `ocelli.h` asks for a model or NULL.
    unsafe { model.as_ref() }.map_or(0, |model| model.classes.len())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ocelli_class_name(model: *const Model, class: usize) -> *const c_char {
    // SAFETY: `ocelli.h` asks for a model or NULL.
    let model = unsafe { model.as_ref() };
    model.and_then(|model| model.classes.get(class)).map_or(ptr::null(), |name| name.as_ptr())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ocelli_reject_threshold(model: *const Model) -> f32 {
    // SAFETY: `ocelli.h` asks for a model or NULL.
    unsafe { model.as_ref() }.and_then(|model| model.reject).unwrap_or(0.0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ocelli_label_thresholds(model: *const Model) -> *const f32 {
    // SAFETY: `ocelli.h` asks for a model or NULL.
    let model = unsafe { model.as_ref() };
    model.and_then(|model| model.thresholds.as_ref()).map_or(ptr::null(), |thresholds| thresholds.as_ptr())
}

#[unsafe(no_mangle)]
extern "C" fn ocelli_last_error() -> *const c_char {
    last()
}

#[unsafe(no_mangle)]
extern "C" fn ocelli_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => panic!("a version without zero bytes"),
        };
    VERSION.as_ptr()
}
