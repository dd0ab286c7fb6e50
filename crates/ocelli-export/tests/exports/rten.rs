//! Exports in rten, a runtime in Rust.

use ocelli_export::onnx::{Input, Layout};
use rten::{Model, Value};

use super::{Case, Given};

/// What rten 0.24 has not: what the name of a case says, and what rten says of it.
const LACKING: [(&str, &str); 2] = [("\"SELU\"", "Selu"), ("\"dilation\":3", "dilations")];

/// What of a case rten cannot do, if there is such a thing.
pub(crate) fn lacks(case: &Case) -> Option<&'static str> {
    LACKING.iter().find(|(name, _)| case.name.contains(name)).map(|(_, said)| *said)
}

/// The probabilities of each image.
pub(crate) fn answers(case: &Case, file: &[u8], images: &[Given]) -> Result<Vec<Vec<f32>>, String> {
    let model = Model::load(file.to_vec()).map_err(|error| error.to_string())?;
    images.iter().map(|image| answer(case, &model, image)).collect()
}

fn answer(case: &Case, model: &Model, image: &Given) -> Result<Vec<f32>, String> {
    let [height, width, channels] = image.shape;
    let size = image.numbers.len() / (height * width * channels);
    let (shape, numbers) = match case.options.layout {
        Layout::Nhwc => ([1, height, width, channels], image.numbers.clone()),
        Layout::Nchw => ([1, channels, height, width], planes(&image.numbers, channels, size)),
    };
    let value = match case.options.input {
        Input::Images => Value::from_shape(shape, numbers).map_err(|error| error.to_string())?,
        Input::Floats => {
            let floats = numbers.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            Value::from_shape::<f32>(shape, floats).map_err(|error| error.to_string())?
        }
    };
    let found = model.run_one(value.into(), None).map_err(|error| error.to_string())?;
    let ([_, _], probabilities) = found.into_shape_vec::<f32, 2>().map_err(|error| error.to_string())?;
    Ok(probabilities)
}

/// Numbers of `size` bytes, channels last, with the channels first.
fn planes(numbers: &[u8], channels: usize, size: usize) -> Vec<u8> {
    let of = |channel: usize| numbers.chunks_exact(size).skip(channel).step_by(channels);
    (0..channels).flat_map(of).flatten().copied().collect()
}
