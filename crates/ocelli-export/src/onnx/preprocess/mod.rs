//! From an image of any size to the network's input, in the graph.
//!
//! Every transform works on levels of 0..255 as floats, rounded to whole levels wherever Ocelli (and torchvision, and Pillow) rounds to
//! bytes, so that the pixels are the same. Sizes are numbers of the graph, worked out from the image's as torchvision works them out.

mod colour;
mod filter;
mod resize;
mod window;

use super::graph::{Graph, Value, int};
use crate::ExportError;
use ocelli_data::Transform;
use ocelli_data::transforms::{Normalize, Resize, Size};

/// Pixels on their way: N×C×H×W floats of 0..255.
pub(super) struct Pixels {
    pub(super) value: Value,
    /// Rows, as a tensor of one whole number.
    pub(super) height: Value,
    /// Columns, the same.
    pub(super) width: Value,
    pub(super) channels: usize,
    /// How many views of each image there are: all images' first views, then all images' second ones, and so on.
    pub(super) views: usize,
}

/// Runs evaluation transforms over images of `channels`, N×C×H×W bytes. Gives what the network takes, and how many views of each image
/// there are.
///
/// # Errors
/// A transform has no counterpart in ONNX.
pub(super) fn run(
    graph: &mut Graph,
    images: &str,
    channels: usize,
    transforms: &[Transform],
) -> Result<(Value, usize), ExportError> {
    graph.enter("preprocess");
    let height = extent(graph, images, 2);
    let width = extent(graph, images, 3);
    let value = graph.float_of(images);
    let mut pixels = Pixels { value, height, width, channels, views: 1 };
    let mut steps = transforms.iter().peekable();
    let mut number = 0;
    while let Some(step) = steps.next() {
        graph.enter(&format!("preprocess/{number}.{}", step.name()));
        number += 1;
        match step {
            Transform::Resize(resize) => {
                // What a crop throws away need not be made.
                let crop = steps.next_if(|next| matches!(next, Transform::CenterCrop(_)));
                number += usize::from(crop.is_some());
                let size = crop.and_then(|crop| crop.output_size(None));
                resize::resize(graph, &mut pixels, *resize, size);
            }
            other => apply(graph, &mut pixels, other)?,
        }
    }
    graph.enter("preprocess");
    let value = numbers(graph, &pixels, Normalize::of(transforms))?;
    Ok((value, pixels.views))
}

fn apply(graph: &mut Graph, pixels: &mut Pixels, step: &Transform) -> Result<(), ExportError> {
    match step {
        Transform::CenterCrop(crop) => window::center_crop(graph, pixels, crop.size),
        Transform::Pad(pad) => window::pad(graph, pixels, *pad),
        Transform::FiveCrop(crop) => window::five_crop(graph, pixels, crop.size),
        Transform::TenCrop(crop) => window::ten_crop(graph, pixels, *crop),
        Transform::Grayscale(grey) => colour::grayscale(graph, pixels, grey.num_output_channels),
        Transform::GaussianBlur(blur) => colour::gaussian_blur(graph, pixels, *blur),
        Transform::Resize(resize) => resize::resize(graph, pixels, *resize, None),
        Transform::ToImage(_)
        | Transform::PILToTensor(_)
        | Transform::ToTensor(_)
        | Transform::ConvertImageDtype(_)
        | Transform::ToDtype(_)
        | Transform::Normalize(_) => {}
        other => {
            let reason = "there is no way to say it in ONNX; evaluate without it, or export with --floats and do it yourself";
            return Err(ExportError::unsupported(format!("the transform {}", other.name()), reason));
        }
    }
    Ok(())
}

/// How many pixels a value has along an axis, as a tensor of one whole number.
fn extent(graph: &mut Graph, value: &str, axis: i64) -> Value {
    graph.add("Shape", &[value], vec![int("start", axis), int("end", axis + 1)])
}

/// Levels as the numbers that the network takes: (level / 255 − mean) / std, step by step as PyTorch does it.
fn numbers(graph: &mut Graph, pixels: &Pixels, normalize: Option<&Normalize>) -> Result<Value, ExportError> {
    let most = graph.float(255.0);
    let mut value = graph.quotient(&pixels.value, &most);
    if let Some(Normalize { mean, std }) = normalize {
        let (Some(mean), Some(std)) = (mean, std) else {
            return Err(ExportError::unsupported("the transform Normalize", "it has no mean and std yet"));
        };
        let mean = graph.floats("mean", &[1, mean.len(), 1, 1], mean);
        value = graph.difference(&value, &mean);
        let std = graph.floats("std", &[1, std.len(), 1, 1], std);
        value = graph.quotient(&value, &std);
    }
    Ok(value)
}

/// The sides that `Resize` gives an image, each a tensor of one whole number: torchvision's arithmetic, without a case for which side
/// is the shorter. See [`Resize::target`].
fn target(graph: &mut Graph, pixels: &Pixels, resize: Resize) -> [Value; 2] {
    let sides = [pixels.height.clone(), pixels.width.clone()];
    let one = graph.ints(&[1]);
    let in_proportion = |graph: &mut Graph, to: i64, of: &str| {
        let to = graph.ints(&[to]);
        sides.clone().map(|side| {
            let product = graph.product(&side, &to);
            graph.quotient(&product, of)
        })
    };
    let made = match (resize.size, resize.max_size) {
        (Some(Size::Two([height, width])), _) => {
            return [height, width].map(|side| graph.ints(&[side as i64]));
        }
        (Some(Size::One(size)), most) => {
            let shorter = graph.least(&sides[0], &sides[1]);
            let made = in_proportion(graph, size as i64, &shorter);
            match most {
                None => made,
                Some(most) => {
                    let longer = graph.most(&made[0], &made[1]);
                    let most = graph.ints(&[most as i64]);
                    let limit = graph.least(&longer, &most);
                    made.map(|side| {
                        let product = graph.product(&side, &limit);
                        graph.quotient(&product, &longer)
                    })
                }
            }
        }
        (None, most) => {
            let longer = graph.most(&sides[0], &sides[1]);
            // `Resize` without either is refused when it is read.
            in_proportion(graph, most.unwrap_or(1) as i64, &longer)
        }
    };
    made.map(|side| graph.most(&side, &one))
}
