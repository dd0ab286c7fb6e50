//! Networks by name. Each adapts to the channels and size of the images and to the number of classes.

mod convnext;
mod densenet;
mod efficientnet;
mod inverted_residual;
mod lesson;
mod mobilenet_v2;
mod mobilenet_v3;
mod resnet;
mod shufflenet_v2;
mod squeezenet;
mod vgg;
mod wide_resnet;

use crate::error::{NetworkError, NetworkErrorKind, ShapeError, ShapeErrorKind};
use crate::network::Network;
use crate::shape::{Pair, Shape};
use crate::suggest;
use mobilenet_v3::mobilenet_v3;
use resnet::Block;
use vgg::{VGG11, VGG13, VGG16, VGG19};

/// A network of the zoo.
struct Model {
    name: &'static str,
    /// The images it was made for.
    input: Shape,
    /// The least height and width that it takes.
    least: usize,
    build: fn(&'static str, Images, usize) -> Result<Network, NetworkError>,
    /// What it is, in a line.
    what: &'static str,
}

/// What comes in, once it is known to be a map.
#[derive(Clone, Copy)]
struct Images {
    shape: Shape,
    channels: usize,
    size: Pair,
}

const SMALL: Shape = Shape::map(3, 32, 32);
const LARGE: Shape = Shape::map(3, 224, 224);

const VGG: &str = "VGG (Simonyan & Zisserman, 2014)";
const VGG_BN: &str = "VGG with batch normalisation";
const RESNET: &str = "residual network (He et al., 2015)";
const RESNEXT: &str = "residual network in groups (Xie et al., 2016)";
const MOBILENET_V3: &str = "MobileNetV3 (Howard et al., 2019)";
const CIFAR: &str = "residual network for small images (He et al., 2015)";

/// The smallest images on which five poolings leave a pixel.
const FIVE_HALVES: usize = 32;

const fn model(
    name: &'static str,
    input: Shape,
    least: usize,
    build: fn(&'static str, Images, usize) -> Result<Network, NetworkError>,
    what: &'static str,
) -> Model {
    Model { name, input, least, build, what }
}

const MODELS: [Model; 29] = [
    model("lesson", SMALL, 8, lesson::plain, "three convolutions and two linear layers"),
    model("lesson-bn", SMALL, 8, lesson::with_batch_norm, "the same with batch normalisation"),
    model("lenet5", Shape::map(1, 28, 28), 12, lesson::lenet5, "LeNet-5 (LeCun et al., 1998)"),
    model("alexnet", LARGE, 63, vgg::alexnet, "AlexNet (Krizhevsky, 2014)"),
    model("vgg11", LARGE, FIVE_HALVES, |n, i, c| vgg::vgg(&VGG11, false, n, i, c), VGG),
    model("vgg11_bn", LARGE, FIVE_HALVES, |n, i, c| vgg::vgg(&VGG11, true, n, i, c), VGG_BN),
    model("vgg13", LARGE, FIVE_HALVES, |n, i, c| vgg::vgg(&VGG13, false, n, i, c), VGG),
    model("vgg13_bn", LARGE, FIVE_HALVES, |n, i, c| vgg::vgg(&VGG13, true, n, i, c), VGG_BN),
    model("vgg16", LARGE, FIVE_HALVES, |n, i, c| vgg::vgg(&VGG16, false, n, i, c), VGG),
    model("vgg16_bn", LARGE, FIVE_HALVES, |n, i, c| vgg::vgg(&VGG16, true, n, i, c), VGG_BN),
    model("vgg19", LARGE, FIVE_HALVES, |n, i, c| vgg::vgg(&VGG19, false, n, i, c), VGG),
    model("vgg19_bn", LARGE, FIVE_HALVES, |n, i, c| vgg::vgg(&VGG19, true, n, i, c), VGG_BN),
    model("resnet18", LARGE, 1, |n, i, c| resnet::resnet(Block::Basic, [2, 2, 2, 2], n, i, c), RESNET),
    model("resnet34", LARGE, 1, |n, i, c| resnet::resnet(Block::Basic, [3, 4, 6, 3], n, i, c), RESNET),
    model("resnet50", LARGE, 1, |n, i, c| resnet::resnet(Block::BOTTLENECK, [3, 4, 6, 3], n, i, c), RESNET),
    model("resnet101", LARGE, 1, |n, i, c| resnet::resnet(Block::BOTTLENECK, [3, 4, 23, 3], n, i, c), RESNET),
    model(
        "resnext50_32x4d",
        LARGE,
        1,
        |n, i, c| resnet::resnet(Block::RESNEXT_32X4D, [3, 4, 6, 3], n, i, c),
        RESNEXT,
    ),
    model("mobilenet_v2", LARGE, 1, mobilenet_v2::mobilenet_v2, "MobileNetV2 (Sandler et al., 2018)"),
    model("mobilenet_v3_small", LARGE, 1, |n, i, c| mobilenet_v3(mobilenet_v3::SMALL, n, i, c), MOBILENET_V3),
    model("mobilenet_v3_large", LARGE, 1, |n, i, c| mobilenet_v3(mobilenet_v3::LARGE, n, i, c), MOBILENET_V3),
    model("efficientnet_b0", LARGE, 1, efficientnet::b0, "EfficientNet-B0 (Tan & Le, 2019)"),
    model(
        "efficientnet_lite0",
        LARGE,
        1,
        efficientnet::lite0,
        "EfficientNet-Lite0: without squeeze and excitation",
    ),
    model("shufflenet_v2_x1_0", LARGE, 1, shufflenet_v2::x1_0, "ShuffleNetV2 1× (Ma et al., 2018)"),
    model("convnext_tiny", LARGE, 32, convnext::tiny, "ConvNeXt-T (Liu et al., 2022)"),
    model(
        "densenet121",
        LARGE,
        29,
        |n, i, c| densenet::densenet([6, 12, 24, 16], n, i, c),
        "DenseNet-BC-121 (Huang et al., 2016)",
    ),
    model("squeezenet1_1", LARGE, 17, squeezenet::squeezenet1_1, "SqueezeNet 1.1 (Iandola et al., 2016)"),
    model("resnet20", SMALL, 1, |n, i, c| resnet::cifar(3, n, i, c), CIFAR),
    model("resnet56", SMALL, 1, |n, i, c| resnet::cifar(9, n, i, c), CIFAR),
    model(
        "wide_resnet28_10",
        SMALL,
        1,
        wide_resnet::wide_resnet28_10,
        "Wide ResNet-28-10 (Zagoruyko & Komodakis, 2016)",
    ),
];

/// The names of all networks of the zoo.
///
/// - `lesson`: three times [Conv2d 3×3 → MaxPool2d 2 → ReLU → Dropout2d 0.2] with 16, 32 and 64 channels, then
///   Flatten → Linear 128 → ReLU → Dropout 0.5 → Linear. 156,074 parameters for 3×32×32 and 10 classes.
/// - `lesson-bn`: the same with BatchNorm2d after each convolution and BatchNorm1d after the first linear layer.
/// - `alexnet`, `vgg…`, `resnet18` to `resnet101`, `resnext50_32x4d`, `mobilenet_v2`, `mobilenet_v3_small`, `mobilenet_v3_large`,
///   `efficientnet_b0`, `shufflenet_v2_x1_0`, `convnext_tiny`, `densenet121`, `squeezenet1_1`: torchvision's, with the keys of their `state_dict`.
/// - `efficientnet_lite0`: that of the package `efficientnet-lite-pytorch`, with its keys.
/// - `lenet5`, and for small images `resnet20`, `resnet56` and `wide_resnet28_10`: their papers'.
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

/// What the network of this name is, in a line.
///
/// # Errors
/// If there is no such name.
pub fn describe(name: &str) -> Result<&'static str, NetworkError> {
    find(name).map(|model| model.what)
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
            let least = find(name).unwrap().least;
            let odd = Shape::map(1, least.max(28), least.max(28) + 9);
            for (input, classes) in
                [(default_input(name).unwrap(), 10), (odd, 2), (Shape::map(4, least + 1, least), 1)]
            {
                let network = build(name, input, classes).unwrap();
                assert_eq!((network.input(), network.output()), (input, Shape::features(classes)));
                assert_eq!(network.name(), name);
            }
        }
    }

    /// The papers' and torchvision's counts; the residual networks for CIFAR with 1×1 convolutions in two shortcuts.
    #[test]
    fn parameters_are_as_many_as_published() {
        for (name, classes, count) in [
            ("lenet5", 10, 61_706),
            ("alexnet", 1000, 61_100_840),
            ("vgg11", 1000, 132_863_336),
            ("vgg11_bn", 1000, 132_868_840),
            ("vgg13", 1000, 133_047_848),
            ("vgg13_bn", 1000, 133_053_736),
            ("vgg16", 1000, 138_357_544),
            ("vgg16_bn", 1000, 138_365_992),
            ("vgg19", 1000, 143_667_240),
            ("vgg19_bn", 1000, 143_678_248),
            ("resnet34", 1000, 21_797_672),
            ("resnet50", 1000, 25_557_032),
            ("resnet101", 1000, 44_549_160),
            ("resnext50_32x4d", 1000, 25_028_904),
            ("mobilenet_v2", 1000, 3_504_872),
            ("mobilenet_v3_small", 1000, 2_542_856),
            ("mobilenet_v3_large", 1000, 5_483_032),
            ("efficientnet_b0", 1000, 5_288_548),
            ("efficientnet_lite0", 1000, 4_652_008),
            ("shufflenet_v2_x1_0", 1000, 2_278_604),
            ("convnext_tiny", 1000, 28_589_128),
            ("densenet121", 1000, 7_978_856),
            ("squeezenet1_1", 1000, 1_235_496),
            ("resnet20", 10, 272_474),
            ("resnet56", 10, 855_770),
            ("wide_resnet28_10", 10, 36_479_194),
        ] {
            let network = build(name, default_input(name).unwrap(), classes).unwrap();
            assert_eq!(parameters(&network), count, "{name}");
        }
    }

    /// What torchvision's constructors leave: standard deviations of weights, and biases.
    #[test]
    fn weights_start_as_torchvisions() {
        let deviation = |values: &[f32]| {
            (values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32).sqrt()
        };
        // Of a deviation of 0 nothing is left but zeros.
        let cases: [(&str, &[(&str, f32)]); 4] = [
            ("mobilenet_v2", &[("classifier.1.weight", 0.01)]),
            ("mobilenet_v3_small", &[("classifier.0.weight", 0.01), ("features.1.block.1.fc1.bias", 0.0)]),
            (
                "efficientnet_b0",
                &[
                    ("features.6.0.block.1.0.weight", (2f32 / (672.0 * 25.0)).sqrt()),
                    // Uniform within ±1/√classes.
                    ("classifier.1.weight", 0.1 / 3f32.sqrt()),
                    ("classifier.1.bias", 0.0),
                ],
            ),
            (
                "convnext_tiny",
                &[
                    ("features.1.0.block.0.bias", 0.0),
                    ("features.1.0.block.3.weight", 0.02),
                    ("features.7.2.layer_scale", 1e-6),
                ],
            ),
        ];
        for (name, parameters) in cases {
            let weights = build(name, LARGE, 100).unwrap().init(1);
            for &(parameter, expected) in parameters {
                let got = deviation(weights.get(parameter).and_then(crate::Tensor::as_f32).unwrap());
                let near = (got - expected).abs() <= 0.03 * expected;
                assert!(near, "{name}: {parameter}: {got}, not {expected}");
            }
        }
    }

    /// torchvision's, in thousands of millions to three digits after the point.
    #[test]
    fn multiply_adds_are_as_many_as_published() {
        for (name, published) in [
            ("resnext50_32x4d", 4.23),
            ("mobilenet_v2", 0.301),
            ("mobilenet_v3_small", 0.057),
            ("mobilenet_v3_large", 0.217),
            ("efficientnet_b0", 0.386),
            ("shufflenet_v2_x1_0", 0.145),
            ("convnext_tiny", 4.456),
        ] {
            let network = build(name, default_input(name).unwrap(), 1000).unwrap();
            let count = crate::Summary::new(&network).total.multiply_adds as f64 / 1e9;
            assert!((count - published).abs() < 0.001, "{name}: {count}");
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
