//! Tensors as requests have them.

use axum::body::Bytes;

use super::wire::Input;
use crate::engine::{Model, Picture, Values};
use crate::http::Problem;

/// Images, N × height × width × channels bytes.
pub(super) const IMAGES: &str = "images";
/// Image files, N of them.
pub(super) const FILES: &str = "files";
/// What the transforms would have made, N × channels × height × width floats.
pub(super) const INPUT: &str = "input";

/// The pictures of a request's one input. `binary` is what follows the JSON.
pub(super) fn pictures(model: &Model, inputs: &[Input], binary: &Bytes) -> Result<Vec<Picture>, Problem> {
    let [input] = inputs else {
        let given = inputs.len();
        return Err(Problem::invalid(format!("{given} inputs, but 1 is needed")).hint(names(model)));
    };
    match input.name.as_str() {
        IMAGES => pixels(model, input, elements(input, "UINT8", binary)?),
        INPUT => values(model, input, elements(input, "FP32", binary)?),
        FILES => files(input, elements(input, "BYTES", binary)?),
        other => Err(Problem::invalid(format!("no input is called {other:?}")).hint(names(model))),
    }
}

/// What inputs there are.
fn names(model: &Model) -> String {
    let ((height, width, channels), seen) = (model.input(), model.image_channels());
    format!(
        "give {IMAGES} (UINT8, [N, height, width, {seen}], of any size), {FILES} (BYTES, [N], image files), or {INPUT} (FP32, \
         [N, {channels}, {height}, {width}], transformed already)"
    )
}

/// An input's data as it would lie after the JSON, if it has this datatype.
fn elements(input: &Input, datatype: &str, binary: &Bytes) -> Result<Bytes, Problem> {
    let name = &input.name;
    if input.datatype != datatype {
        let found = &input.datatype;
        return Err(Problem::invalid(format!("{name} has the datatype {found}, but {datatype} is needed")));
    }
    match (&input.data, input.parameters.binary_data_size) {
        (Some(_), Some(_)) => Err(Problem::invalid(format!("{name} has both data and binary_data_size"))),
        (None, None) => Err(Problem::invalid(format!("{name} has no data"))
            .hint("put it in data, or after the JSON, with binary_data_size and the header Inference-Header-Content-Length")),
        (None, Some(size)) if size == binary.len() => Ok(binary.clone()),
        (None, Some(size)) => {
            let found = binary.len();
            Err(Problem::invalid(format!("{name} says that it has {size} bytes, but {found} follow the JSON")))
        }
        (Some(numbers), None) => packed(name, datatype, &numbers.0),
    }
}

/// Numbers of JSON as bytes.
fn packed(name: &str, datatype: &str, numbers: &[f32]) -> Result<Bytes, Problem> {
    let byte = |number: &f32| {
        let byte = *number as u8;
        let wrong = || Problem::invalid(format!("{name} has {number}, which is no {datatype}"));
        if f32::from(byte) == *number { Ok(byte) } else { Err(wrong()) }
    };
    match datatype {
        "UINT8" => numbers.iter().map(byte).collect(),
        "FP32" => Ok(numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
        _ => Err(Problem::invalid(format!("{name} cannot be given as JSON, which holds no bytes"))
            .hint("give it as binary data, or POST base64 to /v1/predict")),
    }
}

/// An input's shape, if it has so many dimensions and so many bytes, `size` for each element.
fn dimensions<const N: usize>(input: &Input, bytes: usize, size: usize) -> Result<[usize; N], Problem> {
    let (name, shape) = (&input.name, &input.shape);
    let dimensions: [usize; N] = shape.as_slice().try_into().map_err(|_| {
        Problem::invalid(format!("{name} has the shape {shape:?}, but {N} dimensions are needed"))
    })?;
    let needed = dimensions.iter().try_fold(size, |product, side| product.checked_mul(*side));
    if dimensions.contains(&0) || needed != Some(bytes) {
        let problem = format!("{name} has the shape {shape:?}, but {} elements", bytes / size);
        return Err(Problem::invalid(problem));
    }
    Ok(dimensions)
}

fn pixels(model: &Model, input: &Input, bytes: Bytes) -> Result<Vec<Picture>, Problem> {
    let [count, height, width, channels] = dimensions(input, bytes.len(), 1)?;
    if channels != model.image_channels() {
        let problem =
            format!("images have {channels} channels, but the model takes {}", model.image_channels());
        return Err(Problem::invalid(problem).hint("the shape is [N, height, width, channels]"));
    }
    let size = height * width * channels;
    let one = |index: usize| Picture::Pixels {
        height,
        width,
        bytes: bytes.slice(index * size..(index + 1) * size),
    };
    Ok((0..count).map(one).collect())
}

fn values(model: &Model, input: &Input, bytes: Bytes) -> Result<Vec<Picture>, Problem> {
    let [count, channels, height, width] = dimensions(input, bytes.len(), size_of::<f32>())?;
    let (h, w, c) = model.input();
    if (channels, height, width) != (c, h, w) {
        let problem =
            format!("{INPUT} has images of {channels}×{height}×{width}, but the network takes {c}×{h}×{w}");
        return Err(Problem::invalid(problem).hint(format!("give {IMAGES}, which may have any size")));
    }
    let size = channels * height * width * size_of::<f32>();
    let one = |index: usize| Picture::Values(Values(bytes.slice(index * size..(index + 1) * size)));
    Ok((0..count).map(one).collect())
}

fn files(input: &Input, bytes: Bytes) -> Result<Vec<Picture>, Problem> {
    let files = split(&bytes)?;
    let stated: Option<usize> =
        input.shape.iter().try_fold(1_usize, |product, side| product.checked_mul(*side));
    if stated != Some(files.len()) || files.is_empty() {
        let found = files.len();
        return Err(Problem::invalid(format!(
            "{FILES} has the shape {:?}, but {found} elements",
            input.shape
        )));
    }
    let one = |(index, bytes)| Picture::File { bytes, name: format!("{FILES}[{index}]") };
    Ok(files.into_iter().enumerate().map(one).collect())
}

/// Texts, each behind its length in four bytes.
fn split(bytes: &Bytes) -> Result<Vec<Bytes>, Problem> {
    let mut texts = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let short = || Problem::invalid(format!("{FILES} ends within its element {}", texts.len()));
        let length = bytes.get(at..at + 4).ok_or_else(short)?;
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        let end = (at + 4).checked_add(length).filter(|end| *end <= bytes.len()).ok_or_else(short)?;
        texts.push(bytes.slice(at + 4..end));
        at = end;
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::super::wire::Parameters;
    use super::*;

    fn input(shape: &[usize]) -> Input {
        Input {
            name: IMAGES.into(),
            shape: shape.to_vec(),
            datatype: "UINT8".into(),
            parameters: Parameters::default(),
            data: None,
        }
    }

    #[test]
    fn shapes_have_as_many_elements_as_they_say() {
        assert_eq!(dimensions::<2>(&input(&[2, 3]), 24, 4).unwrap(), [2, 3]);
        for (shape, bytes) in [(&[2, 3][..], 23), (&[2, 3, 1], 24), (&[0, 3], 0), (&[usize::MAX, 2], 8)] {
            assert!(dimensions::<2>(&input(shape), bytes, 4).is_err(), "{shape:?}");
        }
    }

    #[test]
    fn texts_are_split_by_their_lengths() {
        let bytes = |bytes: &'static [u8]| split(&Bytes::from_static(bytes));
        assert_eq!(bytes(b"\x02\0\0\0ab\0\0\0\0\x01\0\0\0c").unwrap(), [&b"ab"[..], b"", b"c"]);
        for short in [&b"\x02\0\0"[..], b"\x02\0\0\0a", b"\xff\xff\xff\xffabc"] {
            assert!(bytes(short).is_err(), "{short:?}");
        }
    }
}
