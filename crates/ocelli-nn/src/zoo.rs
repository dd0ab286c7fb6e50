//! Networks by name. Each adapts to the channels and size of the images and to the number of classes.

mod lesson;
mod resnet;

use crate::error::{NetworkError, NetworkErrorKind, ShapeError, ShapeErrorKind};
use crate::network::Network;
use crate::shape::{Pair, Shape};
use crate::suggest;

/// A network of the zoo.
struct Model {
    name: &'static str,
    /// The images it was made for.
    input: Shape,
    /// The least height and width that it takes.
    least: usize,
    build: fn(&'static str, Images, usize) -> Result<Network, NetworkError>,
}

/// What comes in, once it is known to be a map.
#[derive(Clone, Copy)]
struct Images {
    shape: Shape,
    channels: usize,
    size: Pair,
}

const MODELS: [Model; 3] = [
    Model { name: "lesson", input: Shape::map(3, 32, 32), least: 8, build: lesson::plain },
    Model { name: "lesson-bn", input: Shape::map(3, 32, 32), least: 8, build: lesson::with_batch_norm },
    Model { name: "resnet18", input: Shape::map(3, 224, 224), least: 1, build: resnet::resnet18 },
];

/// The names of all networks of the zoo.
///
/// - `lesson`: three times [Conv2d 3×3 → MaxPool2d 2 → ReLU → Dropout2d 0.2] with 16, 32 and 64 channels, then
///   Flatten → Linear 128 → ReLU → Dropout 0.5 → Linear. 156,074 parameters for 3×32×32 and 10 classes.
/// - `lesson-bn`: the same with BatchNorm2d after each convolution and BatchNorm1d after the first linear layer.
/// - `resnet18`: torchvision's ResNet-18 (He et al., 2015, arXiv:1512.03385) with the keys of its `state_dict`.
pub const NAMES: [&str; MODELS.len()] = {
    let mut names = [""; MODELS.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = MODELS[index].name;
        index += 1;
    }
    names
};

/// The network of this name for images of the shape `input` in `classes` classes.
///
/// ```
/// use ocelli_nn::{Shape, zoo};
///
/// let network = zoo::build("lesson", Shape::map(1, 28, 28), 10)?;
/// assert_eq!(network.output(), Shape::features(10));
/// # Ok::<(), ocelli_nn::NetworkError>(())
/// ```
///
/// # Errors
/// If there is no such name, the input is no map or smaller than the network's least, or there are no classes.
pub fn build(name: &str, input: Shape, classes: usize) -> Result<Network, NetworkError> {
    let model = find(name)?;
    let needs = format!("images of at least {0}×{0} pixels", model.least);
    let refuse = |kind, mend: &str| {
        let error = ShapeError::new(kind, input.in_words(), needs.as_str(), mend);
        Err(NetworkError::new(NetworkErrorKind::Shape(kind), format!("{name}: {error}")))
    };
    let Shape::Map { channels, height, width } = input else {
        return refuse(ShapeErrorKind::Rank, "give channels×height×width");
    };
    if height < model.least || width < model.least {
        return refuse(ShapeErrorKind::Size, "give or resize to larger images");
    }
    if classes == 0 {
        let message = format!("{name}: got 0 classes, needs at least 1: give data with labels");
        return Err(NetworkError::new(NetworkErrorKind::Shape(ShapeErrorKind::Option), message));
    }
    (model.build)(model.name, Images { shape: input, channels, size: Pair { height, width } }, classes)
}

/// The shape of the images that the network of this name was made for: 3×224×224 for `resnet18`.
///
/// # Errors
/// If there is no such name.
pub fn default_input(name: &str) -> Result<Shape, NetworkError> {
    find(name).map(|model| model.input)
}

fn find(name: &str) -> Result<&'static Model, NetworkError> {
    MODELS.iter().find(|model| model.name == name).ok_or_else(|| {
        let (near, names) = (suggest::hint(name, NAMES), NAMES.join(", "));
        NetworkError::new(
            NetworkErrorKind::Unknown,
            format!("there is no network named {name:?}{near} (there are {names})"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Role;

    fn parameters(network: &Network) -> usize {
        network.parameters().iter().filter(|spec| spec.role.is_trainable()).map(|spec| spec.elements()).sum()
    }

    #[test]
    fn all_adapt_to_channels_size_and_classes() {
        for name in NAMES {
            for (input, classes) in
                [(default_input(name).unwrap(), 10), (Shape::map(1, 28, 37), 2), (Shape::map(4, 9, 8), 1)]
            {
                let network = build(name, input, classes).unwrap();
                assert_eq!((network.input(), network.output()), (input, Shape::features(classes)));
                assert_eq!(network.name(), name);
            }
        }
    }

    #[test]
    fn lesson_is_the_issues() {
        let network = build("lesson", Shape::map(3, 32, 32), 10).unwrap();
        let types: Vec<_> = network.nodes().iter().map(|node| node.layer.type_name()).collect();
        let block = ["Conv2d", "MaxPool2d", "ReLU", "Dropout2d"];
        let head = ["Flatten", "Linear", "ReLU", "Dropout", "Linear"];
        assert_eq!(types, [&block[..], &block, &block, &head].concat());
        assert_eq!(network.shapes()[12], Shape::features(1024));
        assert_eq!(parameters(&network), 156_074);
    }

    #[test]
    fn errors_say_the_least_and_the_nearest() {
        let error = |name, input| build(name, input, 10).unwrap_err().to_string();
        assert_eq!(
            error("lesson", Shape::map(3, 7, 32)),
            "lesson: got a 3×7×32 map, needs images of at least 8×8 pixels: give or resize to larger images"
        );
        assert!(error("lesson", Shape::features(9)).contains("channels×height×width"));
        assert!(error("resnet", Shape::map(3, 32, 32)).contains("did you mean resnet18?"));
        assert!(build("lesson", Shape::map(3, 32, 32), 0).is_err());
        assert!(build("lesson", Shape::map(3, 32, 32), usize::MAX).is_err());
        assert!(build("resnet18", Shape::map(usize::MAX, 32, 32), 10).is_err());
    }

    #[test]
    fn resnet18_has_the_keys_and_shapes_of_torchvision() {
        let expected = include_str!("../../../testing/fixtures/resnet18_keys.txt");
        let network = build("resnet18", Shape::map(3, 224, 224), 1000).unwrap();
        let dimensions = |shape: &[usize]| shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let keys: Vec<_> =
            network.parameters().iter().map(|p| format!("{} {}", p.name, dimensions(&p.shape))).collect();
        let keys: Vec<_> = keys.iter().map(|line| line.trim_end()).collect();
        let comment = |line: &&str| !line.starts_with('#');
        assert_eq!(keys, expected.lines().filter(comment).collect::<Vec<_>>());
        assert_eq!(parameters(&network), 11_689_512);
        assert_eq!(network.parameters().iter().filter(|p| p.role == Role::NumBatchesTracked).count(), 20);
    }
}
