//! A pipeline for a dataset and a network when none is given.

use super::{Pipeline, Transform};
use crate::Extent;

/// What the default pipeline adapts to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AdaptiveOptions {
    /// The images that there are.
    pub images: Extent,
    /// The height of the network's input.
    pub height: usize,
    /// The width of the network's input.
    pub width: usize,
    /// Whether training images are shifted and mirrored at random. Leave it out where mirrored images mean something
    /// else, as with letters and digits.
    pub augment: bool,
}

impl Pipeline {
    /// The default pipeline.
    ///
    /// - Images that all have the network's size are taken as they are; training pads them by a twentieth (one pixel at
    ///   least) and crops: more needs longer training to pay than a default run has.
    /// - Images that all have one other size, of the same proportions, are resized to the network's.
    /// - Others are resized until their shorter side is 8/7 of the network's longer one (256 for 224) and cropped:
    ///   the middle in evaluation, at random in training. Below 64 pixels nothing is cut off beyond the proportions.
    ///
    /// Training mirrors half of the images; both end in `Normalize`, to be measured.
    pub fn adaptive(options: &AdaptiveOptions) -> Self {
        let AdaptiveOptions { images, height, width, augment } = *options;
        let size = (height, width);
        let same_size = images.uniform && (images.height, images.width) == size;
        let same_shape = images.uniform && images.height * width == images.width * height;

        let mut eval = Vec::new();
        let mut train = Vec::new();
        if !same_size && same_shape {
            eval.push(Transform::resize(size));
        } else if !same_size {
            let longer = height.max(width);
            let edge = if longer < 64 { longer } else { longer * 8 / 7 };
            eval.extend([Transform::resize(edge), Transform::center_crop(size)]);
        }
        if augment {
            train.extend(eval.first().cloned());
            let cuts = eval.len() > 1;
            let padding = if cuts { 0 } else { (height.min(width) / 20).max(1) };
            train.push(Transform::random_crop(size, padding));
            train.push(Transform::random_horizontal_flip(0.5));
        } else {
            train.clone_from(&eval);
        }
        for list in [&mut train, &mut eval] {
            list.push(Transform::normalize());
        }
        Self { train, eval }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adaptive(images: (usize, usize, bool), network: (usize, usize)) -> Pipeline {
        let pipeline = Pipeline::adaptive(&AdaptiveOptions {
            images: Extent { channels: 3, height: images.0, width: images.1, uniform: images.2 },
            height: network.0,
            width: network.1,
            augment: true,
        });
        pipeline.check().unwrap();
        pipeline
    }

    fn names(list: &[Transform]) -> Vec<&str> {
        list.iter().map(Transform::name).collect()
    }

    #[test]
    fn images_of_the_networks_size_are_only_shifted_and_mirrored() {
        let pipeline = adaptive((32, 32, true), (32, 32));
        assert_eq!(names(&pipeline.eval), ["Normalize"]);
        assert_eq!(
            pipeline.train[..2],
            [Transform::random_crop((32, 32), 1), Transform::random_horizontal_flip(0.5)]
        );
    }

    #[test]
    fn photographs_are_resized_and_cropped() {
        let pipeline = adaptive((480, 640, false), (224, 224));
        assert_eq!(pipeline.eval[..2], [Transform::resize(256), Transform::center_crop((224, 224))]);
        assert_eq!(names(&pipeline.train), ["Resize", "RandomCrop", "RandomHorizontalFlip", "Normalize"]);
    }

    #[test]
    fn one_other_size_of_the_same_shape_is_resized() {
        let pipeline = adaptive((28, 28, true), (32, 32));
        assert_eq!(pipeline.eval[0], Transform::resize((32, 32)));
        assert_eq!(names(&pipeline.eval), ["Resize", "Normalize"]);
    }

    #[test]
    fn every_size_becomes_the_networks() {
        for images in [(32, 32), (20, 50), (500, 333), (1, 1000)] {
            for network in [(32, 32), (28, 28), (224, 224), (48, 96)] {
                let pipeline = adaptive((images.0, images.1, false), network);
                for list in [&pipeline.train, &pipeline.eval] {
                    let size = list.iter().try_fold(images, |size, t| t.output_size(Some(size)));
                    assert_eq!(size, Some(network));
                }
            }
        }
    }
}
