//! What a teacher sees of images that were made for its student.

use super::teacher::TeacherError;
use ocelli_data::Transform;
use ocelli_data::transforms::Normalize;
use ocelli_nn::{Network, Shape};
use rayon::prelude::*;

/// Brings images from the mean and standard deviation of one network to those of another, channel by channel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sight {
    /// For each channel what it is multiplied with, and what is then added.
    channels: Vec<(f32, f32)>,
}

impl Sight {
    /// What must be done to images that `from` normalises as if `to` had; `None` if it is nothing.
    fn between(from: Option<&Normalize>, to: Option<&Normalize>, channels: usize) -> Option<Self> {
        let numbers = |normalize: Option<&Normalize>| {
            let given = |values: Option<&Vec<f32>>, usual: f32| {
                values.cloned().unwrap_or_else(|| vec![usual; channels])
            };
            let (mean, std) = normalize.map_or((None, None), |n| (n.mean.as_ref(), n.std.as_ref()));
            (given(mean, 0.0), given(std, 1.0))
        };
        let (from, to) = (numbers(from), numbers(to));
        if from == to {
            return None;
        }
        let channel = |channel: usize| {
            let [mean, std, to_mean, to_std] =
                [&from.0, &from.1, &to.0, &to.1].map(|values| f64::from(values[channel]));
            ((std / to_std) as f32, ((mean - to_mean) / to_std) as f32)
        };
        Some(Sight { channels: (0..channels).map(channel).collect() })
    }

    /// Writes what becomes of `images` of so many numbers each, channels last. Works on the threads of the `rayon` pool that it is
    /// called in.
    pub(super) fn apply(&self, images: &[f32], numbers: usize, out: &mut [f32]) {
        let images = images.par_chunks(numbers).zip(out.par_chunks_mut(numbers));
        images.for_each(|(image, out)| self.apply_to(image, out));
    }

    fn apply_to(&self, image: &[f32], out: &mut [f32]) {
        let pixels = image.chunks_exact(self.channels.len()).zip(out.chunks_exact_mut(self.channels.len()));
        for (pixel, out) in pixels {
            for ((value, out), (scale, shift)) in pixel.iter().zip(out).zip(&self.channels) {
                *out = value * scale + shift;
            }
        }
    }
}

/// What must be done to a student's images for its teacher, if anything. `ours` and `theirs` are the student's and the teacher's
/// transforms of evaluation.
///
/// # Errors
/// The images are of another size or other channels than the teacher takes, or one of the two sees other colours.
pub(super) fn sight(
    (ours, theirs): (&[Transform], &[Transform]),
    student: &Network,
    teacher: &Network,
) -> Result<Option<Sight>, TeacherError> {
    let (given, taken) = (map(student), map(teacher));
    if given.0 != taken.0 {
        return Err(TeacherError::Channels { given: given.0, taken: taken.0 });
    }
    if given != taken {
        return Err(TeacherError::Size { given: (given.1, given.2), taken: (taken.1, taken.2) });
    }
    let (our_colours, their_colours) = (colours(ours), colours(theirs));
    if our_colours != their_colours {
        let (student, teacher) = told(&our_colours, &their_colours);
        return Err(TeacherError::Colours { student, teacher });
    }
    Ok(Sight::between(Normalize::of(ours), Normalize::of(theirs), given.0))
}

/// Channels, height and width of a network's input.
fn map(network: &Network) -> (usize, usize, usize) {
    match network.input() {
        Shape::Map { channels, height, width } => (channels, height, width),
        Shape::Features(count) => (count, 1, 1),
    }
}

/// What a list does to colours. Where it looks, and how bytes become numbers, is not among it; nor is one grey channel,
/// which the shape of the images tells.
fn colours(list: &[Transform]) -> Vec<&Transform> {
    let moves_or_converts = |transform: &Transform| {
        matches!(
            transform,
            Transform::Resize(_)
                | Transform::CenterCrop(_)
                | Transform::Pad(_)
                | Transform::FiveCrop(_)
                | Transform::TenCrop(_)
                | Transform::RandomHorizontalFlip(_)
                | Transform::RandomVerticalFlip(_)
                | Transform::ToImage(_)
                | Transform::PILToTensor(_)
        ) || transform.makes_numbers()
            || matches!(transform, Transform::Grayscale(grey) if grey.num_output_channels == 1)
    };
    list.iter().filter(|transform| !moves_or_converts(transform)).collect()
}

/// What tells two lists of transforms apart: their names, or, where these are the same, those that differ with their settings.
fn told(ours: &[&Transform], theirs: &[&Transform]) -> (Vec<String>, Vec<String>) {
    let names = |list: &[&Transform]| list.iter().map(|t| t.name().to_owned()).collect::<Vec<_>>();
    let (our_names, their_names) = (names(ours), names(theirs));
    if our_names != their_names {
        return (our_names, their_names);
    }
    let settings = |transform: &Transform| {
        toml::Value::try_from(transform)
            .map_or_else(|_| transform.name().to_owned(), |value| value.to_string())
    };
    let differing = ours.iter().zip(theirs).filter(|(ours, theirs)| ours != theirs);
    differing.map(|(ours, theirs)| (settings(ours), settings(theirs))).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalize(mean: &[f32], std: &[f32]) -> Normalize {
        Normalize { mean: Some(mean.to_vec()), std: Some(std.to_vec()) }
    }

    #[test]
    fn images_are_normalised_anew() {
        let (ours, theirs) = (normalize(&[0.5, 0.25], &[0.5, 0.125]), normalize(&[0.25, 0.0], &[0.25, 0.5]));
        let sight = Sight::between(Some(&ours), Some(&theirs), 2).unwrap();
        // Pixels of 0.75 and 0.5: what the one sees as (0.5, 2) the other sees as (2, 1).
        let mut seen = [0.0; 4];
        sight.apply(&[0.5, 2.0, -1.0, -2.0], 2, &mut seen);
        assert_eq!(seen, [2.0, 1.0, -1.0, 0.0]);
        let plain = Sight::between(Some(&ours), None, 2).unwrap();
        plain.apply(&[0.5, 2.0, -1.0, -2.0], 4, &mut seen);
        assert_eq!(seen, [0.75, 0.5, 0.0, 0.0]);
    }

    #[test]
    fn colours_are_told_apart_by_names_or_by_settings() {
        let grey: Transform = ocelli_data::transforms::Grayscale { num_output_channels: 3 }.into();
        let solarize = |threshold| {
            let solarize = ocelli_data::transforms::RandomSolarize { threshold, p: 1.0 };
            Transform::from(solarize)
        };
        let (dark, light) = (solarize(64.0), solarize(128.0));
        assert_eq!(
            told(&[&grey], &[&grey, &dark]),
            (vec!["Grayscale".into()], vec!["Grayscale".into(), "RandomSolarize".into()])
        );
        let (ours, theirs) = told(&[&grey, &dark], &[&grey, &light]);
        assert!(ours.len() == 1 && ours[0].contains("RandomSolarize") && ours[0].contains("64"), "{ours:?}");
        assert!(theirs.len() == 1 && theirs[0].contains("128"), "{theirs:?}");
    }

    #[test]
    fn what_is_seen_alike_is_left_alone() {
        let ours = normalize(&[0.5], &[0.5]);
        assert_eq!(Sight::between(Some(&ours), Some(&ours.clone()), 1), None);
        assert_eq!(Sight::between(None, Some(&normalize(&[0.0], &[1.0])), 1), None);
    }
}
