//! Dropout in training: which values go, that the rest are scaled, and that nothing but the keys decides.

use ocelli_kernels::Isa;
use ocelli_nn::plan::{Passes, PlanOptions, SampleKeys, TrainPlan};
use ocelli_nn::{
    Conv2d, DropMode, Dropout, Layer, Network, Sequential, Shape, StochasticDepth, Tensor, Weights,
};

const CHANNELS: usize = 33;
const SIDE: usize = 6;
const BATCH: usize = 20;
const P: f32 = 0.3;

fn options() -> Vec<PlanOptions> {
    let modes = Isa::available().into_iter().flat_map(|isa| [(isa, Passes::all()), (isa, Passes::none())]);
    modes.map(|(isa, passes)| PlanOptions { batch: BATCH, passes, isa, ..PlanOptions::default() }).collect()
}

/// Dropout alone, so that images of ones come out as the mask.
fn alone(layer: Layer) -> Network {
    let node = ocelli_nn::Node { name: "drop".into(), layer, inputs: vec![ocelli_nn::Source::Input] };
    Network::new("dropout", Shape::map(CHANNELS, SIDE, SIDE), vec![node]).expect("dropout takes any map")
}

/// The output for images of ones: N×H×W×C.
fn mask(network: &Network, options: PlanOptions, seed: u64, epoch: u64, samples: &[u64]) -> Vec<f32> {
    let mut plan = TrainPlan::new(network, &Weights::new(), options).expect("dropout has a plan");
    let ones = vec![1.0; samples.len() * network.input().elements()];
    plan.forward(&ones, &SampleKeys { seed, epoch, samples }).to_vec()
}

fn samples() -> Vec<u64> {
    (100..100 + BATCH as u64).collect()
}

/// That the share of zeros is within four standard deviations of P, over `draws` of them, and the rest is 1/(1-P).
fn check_shares(values: &[f32], draws: usize) {
    let zeros = values.iter().filter(|&&value| value == 0.0).count() as f32 / values.len() as f32;
    let deviation = (P * (1.0 - P) / draws as f32).sqrt();
    assert!((zeros - P).abs() < 4.0 * deviation, "{zeros} of the values are zero");
    let scaled = |&value: &f32| value == 0.0 || (value - 1.0 / (1.0 - P)).abs() < 1e-6;
    assert!(values.iter().all(scaled), "a value is neither 0 nor scaled");
}

#[test]
fn values_go_with_probability_p() {
    for options in options() {
        let values = mask(&alone(Layer::Dropout(Dropout::new(P))), options, 1, 0, &samples());
        check_shares(&values, values.len());
    }
}

#[test]
fn dropout2d_takes_whole_channels() {
    for options in options() {
        let values = mask(&alone(Layer::Dropout2d(Dropout::new(P))), options, 1, 0, &samples());
        check_shares(&values, BATCH * CHANNELS);
        for image in values.chunks_exact(SIDE * SIDE * CHANNELS) {
            let alike = image.chunks_exact(CHANNELS).all(|pixel| pixel == &image[..CHANNELS]);
            assert!(alike, "a channel is dropped in part");
        }
    }
}

/// What is dropped goes to one value, and what stays to another: PyTorch's, of ones with p = 0.3.
#[test]
fn alpha_dropout_shifts_what_it_drops() {
    let layer = Layer::AlphaDropout(Dropout::new(P));
    for options in options() {
        let values = mask(&alone(layer), options, 1, 0, &samples());
        let is = |value: f32, expected: f32| (value - expected).abs() < 1e-6;
        assert!(values.iter().all(|&value| is(value, 1.315_044_7) || is(value, -1.059_548_2)));
        let factors: Vec<f32> =
            values.iter().map(|value| if *value < 0.0 { 0.0 } else { 1.0 / (1.0 - P) }).collect();
        check_shares(&factors, factors.len());
        let none = mask(&alone(Layer::AlphaDropout(Dropout::new(1.0))), options, 1, 0, &samples());
        assert!(none.iter().all(|value| *value == 0.0));
    }
}

/// The factor of each image, which all its values must have.
fn of_images(values: &[f32]) -> Vec<f32> {
    let images = values.chunks_exact(SIDE * SIDE * CHANNELS);
    images
        .map(|image| {
            assert!(image.iter().all(|value| *value == image[0]), "an image is dropped in part");
            image[0]
        })
        .collect()
}

#[test]
fn stochastic_depth_takes_whole_images_or_the_batch() {
    for options in options() {
        let rows = alone(Layer::StochasticDepth(StochasticDepth::new(P)));
        let draws: Vec<f32> =
            (0..30).flat_map(|epoch| of_images(&mask(&rows, options, 1, epoch, &samples()))).collect();
        check_shares(&draws, draws.len());
        let batch = alone(Layer::StochasticDepth(StochasticDepth::new(P).mode(DropMode::Batch)));
        let draws = (0..200).map(|epoch| {
            let images = of_images(&mask(&batch, options, 1, epoch, &samples()[..4]));
            assert!(images.iter().all(|factor| *factor == images[0]), "a batch is dropped in part");
            images[0]
        });
        check_shares(&draws.collect::<Vec<_>>(), 200);
    }
}

#[test]
fn nothing_but_the_keys_decides() {
    let images = Layer::StochasticDepth(StochasticDepth::new(P));
    let alpha = Layer::AlphaDropout(Dropout::new(P));
    for layer in [Layer::Dropout(Dropout::new(P)), Layer::Dropout2d(Dropout::new(P)), images, alpha] {
        let network = alone(layer);
        let size = network.input().elements();
        let first = mask(&network, options()[0], 1, 0, &samples());
        for options in options() {
            assert_eq!(mask(&network, options, 1, 0, &samples()), first, "{options:?}");
            let reversed: Vec<u64> = samples().into_iter().rev().collect();
            let turned = mask(&network, options, 1, 0, &reversed);
            let back: Vec<f32> = turned.chunks_exact(size).rev().flatten().copied().collect();
            assert_eq!(back, first, "the place in the batch must not matter");
        }
        assert_ne!(mask(&network, options()[0], 2, 0, &samples()), first, "another seed");
        assert_ne!(mask(&network, options()[0], 1, 1, &samples()), first, "another epoch");
        assert!(first.chunks_exact(size).any(|image| image != &first[..size]), "another sample");
    }
}

#[test]
fn two_layers_draw_apart() {
    let ones = Sequential::new(Shape::features(400)).dropout(0.5).dropout(0.5).build("twice").expect("valid");
    let values = mask(&ones, PlanOptions { batch: 1, ..PlanOptions::default() }, 1, 0, &[0]);
    let kept = values.iter().filter(|&&value| value != 0.0).count();
    assert!((60..140).contains(&kept), "{kept} of 400 pass two layers that each keep half");
}

/// The gradient passes where the value did, with the same scale: in the epilogue of a convolution too.
#[test]
fn the_gradient_takes_the_same_mask() {
    let network = Sequential::new(Shape::map(1, SIDE, SIDE))
        .conv2d(Conv2d::new(1, CHANNELS, 1))
        .max_pool2d(2)
        .relu()
        .dropout2d(P)
        .build("block")
        .expect("valid");
    let mut weights = network.init(0);
    weights.insert("0.weight", Tensor::f32([CHANNELS, 1, 1, 1], vec![1.0; CHANNELS]));
    weights.insert("0.bias", Tensor::f32([CHANNELS], vec![0.5; CHANNELS]));
    for options in options() {
        let mut plan = TrainPlan::new(&network, &weights, options).expect("a block has a plan");
        let keys = SampleKeys { seed: 3, epoch: 4, samples: &samples() };
        let output = plan.forward(&vec![1.0; BATCH * SIDE * SIDE], &keys).to_vec();
        plan.backward(&vec![1.0; output.len()]);
        let gradients = plan.gradients();
        let bias = gradients.get("0.bias").and_then(Tensor::as_f32).expect("a bias has a gradient");
        let mut expected = vec![0.0; CHANNELS];
        for pixel in output.chunks_exact(CHANNELS) {
            pixel.iter().zip(&mut expected).for_each(|(value, sum)| *sum += value / 1.5);
        }
        for (got, expected) in bias.iter().zip(&expected) {
            assert!(
                (got - expected).abs() < 1e-3 * expected.max(1.0),
                "{got} is not {expected}: {options:?}"
            );
        }
    }
}
