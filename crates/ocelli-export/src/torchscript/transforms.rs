//! Transforms as TorchScript: a call of a function of `transforms.py` for each.

use ocelli_data::Transform;
use ocelli_data::transforms::functional::PaddingMode;
use ocelli_data::transforms::{
    Fill, GaussianBlur, Grayscale, Interpolation, Normalize, Pad, Padding, Resize, Size, Span,
};

use super::float;
use crate::ExportError;

/// The functions that are called.
pub(super) const FUNCTIONS: &str = include_str!("transforms.py");
/// What they are called by.
const FILE: &str = "__torch__.ocelli.transforms";

/// Statements that bring images, the variable `x`, from N × C × H × W bytes or floats to what the network takes, and `return` it.
/// `channels` is what image files are brought to before the transforms.
pub(super) fn statements(transforms: &[Transform], channels: usize) -> Result<Vec<String>, ExportError> {
    let mut script = Script { channels, lines: Vec::new() };
    script.call("to_bytes", "");
    script.call("channels", &format!(", {channels}"));
    // The first transform that makes numbers ends the bytes, as does the end of the list.
    let bytes = transforms.iter().position(Transform::makes_numbers).unwrap_or(transforms.len());
    let (on_bytes, on_numbers) = transforms.split_at(bytes);
    on_bytes.iter().try_for_each(|transform| script.on_bytes(transform))?;
    script.line("torch.div(torch.to(x, 6), 255.)");
    on_numbers.iter().try_for_each(|transform| script.on_numbers(transform))?;
    script.lines.push("return x".to_owned());
    Ok(script.lines)
}

/// How many views of an image there are.
pub(super) fn views(transforms: &[Transform]) -> usize {
    transforms.iter().map(Transform::views).product()
}

struct Script {
    /// Channels of `x`.
    channels: usize,
    lines: Vec<String>,
}

impl Script {
    fn line(&mut self, expression: &str) {
        self.lines.push(format!("x = {expression}"));
    }

    /// Calls a function with `x` and more arguments, each after a comma.
    fn call(&mut self, function: &str, arguments: &str) {
        self.line(&format!("{FILE}.{function}(x{arguments})"));
    }

    fn on_bytes(&mut self, transform: &Transform) -> Result<(), ExportError> {
        match transform {
            Transform::ToImage(_) | Transform::PILToTensor(_) => {}
            Transform::Resize(resize) => self.resize(resize),
            Transform::CenterCrop(crop) => self.call("center_crop", &size(crop.size)),
            Transform::FiveCrop(crop) => {
                self.line(&format!("torch.stack({FILE}.five_crop(x{}), 1)", size(crop.size)));
                self.line("torch.flatten(x, 0, 1)");
            }
            Transform::TenCrop(crop) => {
                let (size, flipped) = (size(crop.size), if crop.vertical_flip { 2 } else { 3 });
                let second = format!("{FILE}.five_crop(torch.flip(x, [{flipped}]){size})");
                self.line(&format!("torch.stack({FILE}.five_crop(x{size}) + {second}, 1)"));
                self.line("torch.flatten(x, 0, 1)");
            }
            Transform::Pad(pad) => self.pad(pad),
            Transform::Grayscale(grayscale) => self.grayscale(grayscale),
            Transform::GaussianBlur(blur) if transform.is_deterministic() => self.blur(blur),
            other => return Err(unknown(other)),
        }
        Ok(())
    }

    fn on_numbers(&mut self, transform: &Transform) -> Result<(), ExportError> {
        match transform {
            Transform::ToTensor(_) | Transform::ConvertImageDtype(_) | Transform::ToDtype(_) => Ok(()),
            Transform::Normalize(Normalize { mean: Some(mean), std: Some(std) }) => {
                let numbers = |values: &[f32]| {
                    values.iter().map(|value| float(f64::from(*value))).collect::<Vec<_>>().join(", ")
                };
                self.call("normalize", &format!(", [{}], [{}]", numbers(mean), numbers(std)));
                Ok(())
            }
            other => Err(unknown(other)),
        }
    }

    fn resize(&mut self, resize: &Resize) {
        let target = match resize.size {
            Some(Size::Two([height, width])) => format!("[{height}, {width}]"),
            Some(Size::One(side)) => {
                format!("{FILE}.shorter_side(x, {side}, {})", resize.max_size.unwrap_or(0))
            }
            None => format!("{FILE}.shorter_side(x, 0, {})", resize.max_size.unwrap_or(0)),
        };
        let mode = match resize.interpolation {
            Interpolation::Nearest => "nearest",
            Interpolation::NearestExact => "nearest-exact",
            Interpolation::Bilinear => "bilinear",
            Interpolation::Bicubic => "bicubic",
        };
        let antialias = if resize.antialias { "True" } else { "False" };
        self.call("resize", &format!(", {target}, \"{mode}\", {antialias}"));
    }

    fn pad(&mut self, pad: &Pad) {
        let [left, top, right, bottom] = match pad.padding {
            Padding::All(all) => [all; 4],
            Padding::Sides([x, y]) => [x, y, x, y],
            Padding::Each(edges) => edges,
        };
        let mode = match pad.padding_mode {
            PaddingMode::Constant => return self.fill([left, right, top, bottom], pad.fill),
            PaddingMode::Edge => "edge",
            PaddingMode::Reflect => "reflect",
            PaddingMode::Symmetric => "symmetric",
        };
        self.call("pad", &format!(", {left}, {top}, {right}, {bottom}, \"{mode}\""));
    }

    /// Adds a colour at the edges, of which each channel has its own level.
    fn fill(&mut self, edges: [usize; 4], fill: Fill) {
        let colour = match fill {
            Fill::One(all) => [all; 3],
            Fill::Each(each) => each,
        };
        let padded = |channel: usize| {
            // Levels are cut off after the point, as PyTorch does it.
            let level = colour[channel] as u8;
            format!("torch.constant_pad_nd(torch.narrow(x, 1, {channel}, 1), {edges:?}, {level})")
        };
        let channels: Vec<_> = (0..self.channels).map(padded).collect();
        self.line(&format!("torch.cat([{}], 1)", channels.join(", ")));
    }

    fn grayscale(&mut self, grayscale: &Grayscale) {
        if self.channels == 3 {
            self.call("grayscale", "");
        }
        self.channels = grayscale.num_output_channels;
        if self.channels == 3 {
            self.line("torch.cat([x, x, x], 1)");
        }
    }

    fn blur(&mut self, blur: &GaussianBlur) {
        let (Span::One(sigma) | Span::Two([sigma, _])) = blur.sigma;
        self.call("gaussian_blur", &format!("{}, {}", size(blur.kernel_size), float(sigma)));
    }
}

/// Both numbers of a size, each after a comma.
fn size(size: Size) -> String {
    match size {
        Size::One(side) => format!(", {side}, {side}"),
        Size::Two([first, second]) => format!(", {first}, {second}"),
    }
}

fn unknown(transform: &Transform) -> ExportError {
    let reason = "it has no counterpart in TorchScript: leave it out of the transforms of evaluation";
    ExportError::unsupported(format!("the transform {}", transform.name()), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_transform_is_a_call() {
        let list =
            [Transform::resize(256), Transform::center_crop(224), Transform::normalize_with(&[0.5], &[0.25])];
        let expected = [
            "x = __torch__.ocelli.transforms.to_bytes(x)",
            "x = __torch__.ocelli.transforms.channels(x, 1)",
            "x = __torch__.ocelli.transforms.resize(x, __torch__.ocelli.transforms.shorter_side(x, 256, 0), \"bilinear\", True)",
            "x = __torch__.ocelli.transforms.center_crop(x, 224, 224)",
            "x = torch.div(torch.to(x, 6), 255.)",
            "x = __torch__.ocelli.transforms.normalize(x, [0.5], [0.25])",
            "return x",
        ];
        assert_eq!(statements(&list, 1).unwrap(), expected);
    }

    #[test]
    fn what_has_no_counterpart_is_named() {
        let error = statements(&[Transform::random_horizontal_flip(0.5)], 3).unwrap_err().to_string();
        assert!(error.starts_with("the transform RandomHorizontalFlip cannot be exported"), "{error}");
    }
}
