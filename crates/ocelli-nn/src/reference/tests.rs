//! The reference against numerical gradients and known answers.

use ocelli_kernels::random::Stream;
use proptest::prelude::*;

use super::*;
use crate::layers::{
    AvgPool2d, BatchNorm, ChannelLinear, ChannelShuffle, Conv2d, GroupNorm, InstanceNorm2d, Layer,
    LayerNorm2d, Linear, LocalResponseNorm, MaxPool2d, Narrow, Prelu, Upsample, UpsampleMode,
};
use crate::{Pair, Sequential, Tensor};

/// Numbers in [-1, 1), each at least 1/count from the others: a small step crosses no kink of ReLU or MaxPool2d.
fn spread(count: usize, stream: &mut Stream) -> Vec<f64> {
    let mut values: Vec<_> =
        (0..count).map(|i| (2.0 * i as f64 + 1.0) / count as f64 - 1.0 + 0.3 / count as f64).collect();
    for i in (1..count).rev() {
        values.swap(i, stream.below(i as u32 + 1) as usize);
    }
    values
}

/// Parameters away from their initial values, and variances above 0.
fn random_parameters(network: &Network, stream: &mut Stream) -> Values {
    let draw = |spec: crate::ParameterSpec, stream: &mut Stream| {
        let mut values = spread(spec.elements(), stream);
        if matches!(spec.role, Role::RunningVar | Role::NormWeight) {
            values.iter_mut().for_each(|value| *value += 1.5);
        }
        (spec.name, values)
    };
    network.parameters().into_iter().map(|spec| draw(spec, stream)).collect()
}

/// A mask for every dropout, of values that are 0, 1 or 2.
fn random_masks(network: &Network, batch: usize, stream: &mut Stream) -> Values {
    let mut masks = Values::new();
    for (node, shape) in network.nodes().iter().zip(network.shapes()) {
        let per_image = match node.layer {
            Layer::Dropout(_) => shape.elements(),
            Layer::Dropout2d(_) => shape.channels(),
            Layer::StochasticDepth(_) => 1,
            Layer::AlphaDropout(_) => shape.elements(),
            _ => continue,
        };
        masks.insert(node.name.clone(), (0..batch * per_image).map(|_| f64::from(stream.below(3))).collect());
    }
    masks
}

/// Compares every gradient of Σ output · coefficient with central differences.
fn check_gradients(network: &Network, batch: usize, train: bool, seed: u64) -> Result<(), TestCaseError> {
    let mut stream = Stream::new(seed, 0, 0, 0);
    let images = spread(batch * network.input().elements(), &mut stream);
    let parameters = random_parameters(network, &mut stream);
    let mode =
        if train { Mode::Train { masks: random_masks(network, batch, &mut stream) } } else { Mode::Eval };
    let coefficients = spread(batch * network.output().elements(), &mut stream);
    let loss = |parameters: &Values, images: &[f64]| -> f64 {
        let run = Run::new(network, parameters, mode.clone(), batch, images);
        run.output().iter().zip(&coefficients).map(|(y, coefficient)| y * coefficient).sum()
    };
    let gradients = Run::new(network, &parameters, mode.clone(), batch, &images).backward(&coefficients);
    let trainable = network.parameters().iter().filter(|spec| spec.role.is_trainable()).count();
    prop_assert_eq!(gradients.parameters.len(), trainable);

    let step = 1e-5;
    let agrees = |what: &str, place: usize, analytic: f64, loss_at: &dyn Fn(f64) -> f64| {
        let numeric = (loss_at(step) - loss_at(-step)) / (2.0 * step);
        let close = (numeric - analytic).abs() <= 1e-6 * (1.0 + analytic.abs());
        prop_assert!(close, "{what}[{place}]: numeric {numeric}, analytic {analytic}");
        Ok(())
    };
    // A few places of each tensor are enough: the seed varies.
    for _ in 0..8 {
        let place = stream.below(images.len() as u32) as usize;
        agrees("images", place, gradients.images[place], &|step| {
            let mut moved = images.clone();
            moved[place] += step;
            loss(&parameters, &moved)
        })?;
        for (name, gradient) in &gradients.parameters {
            let place = stream.below(gradient.len() as u32) as usize;
            agrees(name, place, gradient[place], &|step| {
                let mut moved = parameters.clone();
                moved.get_mut(name).unwrap()[place] += step;
                loss(&moved, &images)
            })?;
        }
    }
    Ok(())
}

fn pair(range: std::ops::Range<usize>) -> impl Strategy<Value = Pair> {
    (range.clone(), range).prop_map(Pair::from)
}

/// Any that works on each value alone.
fn activation() -> impl Strategy<Value = Layer> {
    let tanh = crate::layers::Gelu { approximate: crate::layers::Approximate::Tanh };
    let layers = Layer::type_names().into_iter().filter_map(Layer::example);
    let of_values = layers.filter(|layer| activation::value(layer, 0.0).is_some());
    prop::sample::select(of_values.chain([Layer::Gelu(tanh)]).collect::<Vec<_>>())
}

/// Any layer of one input over a map of these channels.
fn map_layer(channels: usize) -> impl Strategy<Value = Layer> {
    let window = || (pair(1..4), pair(1..4), pair(0..2));
    prop_oneof![
        (1..4usize, window(), any::<bool>()).prop_map(move |(out, (kernel, stride, padding), bias)| {
            Conv2d::new(channels, out, kernel).stride(stride).padding(padding).bias(bias).into()
        }),
        (window(), pair(1..3), any::<bool>()).prop_map(|((kernel, stride, padding), dilation, up)| {
            let pool = MaxPool2d::new(kernel).stride(stride).padding(padding).dilation(dilation);
            Layer::MaxPool2d(pool.ceil_mode(up))
        }),
        (window(), any::<(bool, bool)>(), prop::option::of(1..7usize)).prop_map(
            |((kernel, stride, padding), (whole, up), divisor_override)| {
                let pool = AvgPool2d::new(kernel).stride(stride).padding(padding);
                let pool = pool.count_include_pad(whole).ceil_mode(up);
                Layer::AvgPool2d(AvgPool2d { divisor_override, ..pool })
            }
        ),
        (1..4usize, any::<bool>()).prop_map(move |(out, bias)| {
            Layer::ChannelLinear(ChannelLinear::new(channels, out).bias(bias))
        }),
        (pair(1..9), any::<bool>()).prop_map(|(size, align)| {
            let mode = if align { UpsampleMode::Bilinear } else { UpsampleMode::Nearest };
            Layer::Upsample(Upsample::to(size).mode(mode).align_corners(align))
        }),
        (0.4..2.7f64, 0.4..2.7f64)
            .prop_map(|factor| Layer::Upsample(Upsample::by(factor).mode(UpsampleMode::Bilinear))),
        pair(1..6).prop_map(|size| Layer::AdaptiveAvgPool2d(size.into())),
        pair(1..6).prop_map(|size| Layer::AdaptiveMaxPool2d(size.into())),
        activation(),
        Just(Layer::Dropout(0.5.into())),
        Just(Layer::Dropout2d(0.5.into())),
        Just(Layer::StochasticDepth(0.5.into())),
        Just(Layer::LayerScale(channels.into())),
        Just(Layer::AlphaDropout(0.3.into())),
        any::<bool>().prop_map(move |one| Layer::Prelu(Prelu::new(if one { 1 } else { channels }))),
        (1..channels + 1, any::<bool>()).prop_map(move |(groups, affine)| {
            Layer::GroupNorm(GroupNorm::new(groups, channels).eps(0.01).affine(affine))
        }),
        (1..6usize).prop_map(|size| Layer::LocalResponseNorm(LocalResponseNorm::new(size).alpha(0.9).k(0.5))),
        (any::<bool>(), any::<bool>()).prop_map(move |(affine, bias)| {
            Layer::LayerNorm2d(LayerNorm2d::new(channels).eps(0.01).elementwise_affine(affine).bias(bias))
        }),
        Just(Layer::Flatten),
        Just(Layer::ChannelShuffle(ChannelShuffle::new(channels))),
        (0..channels, 1..=channels).prop_map(|(start, length)| Layer::Narrow(Narrow::new(start, length))),
        (any::<bool>(), any::<bool>()).prop_map(move |(affine, track)| {
            let spec = BatchNorm::new(channels).eps(0.01).affine(affine);
            Layer::BatchNorm2d(spec.track_running_stats(track).momentum(if track { Some(0.1) } else { None }))
        }),
        (any::<bool>(), any::<bool>()).prop_map(move |(affine, track)| {
            let spec = InstanceNorm2d::new(channels).eps(0.01).affine(affine);
            Layer::InstanceNorm2d(spec.track_running_stats(track))
        }),
    ]
}

fn feature_layer(features: usize) -> impl Strategy<Value = Layer> {
    prop_oneof![
        (1..6usize, any::<bool>()).prop_map(move |(out, bias)| Linear::new(features, out).bias(bias).into()),
        activation(),
        Just(Layer::Dropout(0.5.into())),
        Just(Layer::BatchNorm1d(BatchNorm::new(features).eps(0.01))),
        Just(Layer::Softmax),
        Just(Layer::LogSoftmax),
    ]
}

fn case() -> impl Strategy<Value = (Shape, Layer)> {
    prop_oneof![
        3 => (1..4usize, 1..8usize, 1..8usize)
            .prop_flat_map(|(c, h, w)| (Just(Shape::map(c, h, w)), map_layer(c))),
        1 => (1..8usize).prop_flat_map(|features| (Just(Shape::features(features)), feature_layer(features))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gradients_of_every_layer_are_the_numerical_ones(
        (input, layer) in case(), batch in 2..4usize, train: bool, seed: u64,
    ) {
        prop_assume!(layer.output_shape(&[input]).is_ok());
        // As PyTorch, the reference refuses to train instance normalisation on single pixels.
        let pixel = input.size().is_some_and(|size| size.area() == 1);
        prop_assume!(!(train && pixel && matches!(layer, Layer::InstanceNorm2d(_))));
        let network = Sequential::new(input).layer(layer).build("layer").unwrap();
        check_gradients(&network, batch, train, seed)?;
    }

    #[test]
    fn gradients_of_networks_are_the_numerical_ones(batch in 2..4usize, train: bool, seed: u64) {
        let network = Sequential::new(Shape::map(2, 5, 6))
            .conv2d(Conv2d::new(2, 3, 3).padding(1))
            .batch_norm2d(BatchNorm::new(3).eps(0.01))
            .residual(
                |body| body.conv2d(Conv2d::new(3, 4, 3).stride(2).padding(1)).dropout2d(0.5),
                |shortcut| shortcut.conv2d(Conv2d::new(3, 4, 1).stride(2).bias(false)),
            )
            .residual(|body| body, |shortcut| shortcut)
            .avg_pool2d(2)
            .flatten()
            .linear(4, 3)
            .softmax()
            .build("network")
            .unwrap();
        check_gradients(&network, batch, train, seed)?;
    }

    #[test]
    fn gradients_of_joined_branches_are_the_numerical_ones(batch in 1..4usize, seed: u64) {
        let narrow = |start, length| Layer::Narrow(Narrow::new(start, length));
        let stem = Sequential::new(Shape::map(4, 3, 5)).conv2d(Conv2d::new(4, 6, 1));
        let shuffled = stem.layer(Layer::ChannelShuffle(ChannelShuffle::new(2)));
        let whole = shuffled.output();
        let left = shuffled.layer(narrow(0, 2));
        let half = left.output();
        let right = left.reading(whole).layer(narrow(1, 5)).conv2d(Conv2d::new(5, 2, 3).padding(1));
        let gate = right.adaptive_avg_pool2d(1).layer(Layer::Sigmoid);
        let factors = gate.output();
        let weighed = gate.combine(Layer::Multiply, [factors, half]);
        let once = weighed.output();
        let square = weighed.combine(Layer::Multiply, [once, once]);
        let twice = square.output();
        let joined = square.combine(Layer::Concat, [once, twice, whole, twice]);
        let network = joined.build("joined").unwrap();
        prop_assert_eq!(network.output(), Shape::map(12, 3, 5));
        check_gradients(&network, batch, true, seed)?;
    }
}

fn run_layer(
    layer: Layer,
    shape: Shape,
    images: &[f64],
    parameters: &[(&str, &[f64])],
    mode: Mode,
) -> (Vec<f64>, Values) {
    let network = Sequential::new(shape).layer(layer).build("layer").unwrap();
    let parameters: Values =
        parameters.iter().map(|(name, values)| (format!("0.{name}"), values.to_vec())).collect();
    let run = Run::new(&network, &parameters, mode, images.len() / shape.elements(), images);
    (run.output().to_vec(), run.parameters().clone())
}

#[test]
fn max_pool_known_answer() {
    let map = [1., 0., 2., 3., 4., 6., 6., 8., 3., 1., 1., 0., 1., 2., 2., 4.];
    let (output, _) = run_layer(Layer::MaxPool2d(2.into()), Shape::map(1, 4, 4), &map, &[], Mode::Eval);
    assert_eq!(output, [6., 8., 3., 4.]);
}

#[test]
fn mean_pools_known_answers() {
    let map = [1., 2., 3., 4., 5., 6., 7., 8., 9.];
    let pooled = |layer| run_layer(layer, Shape::map(1, 3, 3), &map, &[], Mode::Eval).0;
    let padded = AvgPool2d::new(2).padding(1);
    assert_eq!(pooled(Layer::AvgPool2d(padded)), [0.25, 1.25, 2.75, 7.0]);
    assert_eq!(pooled(Layer::AvgPool2d(padded.count_include_pad(false))), [1.0, 2.5, 5.5, 7.0]);
    assert_eq!(pooled(Layer::AdaptiveAvgPool2d(2.into())), [3.0, 4.0, 6.0, 7.0]);
}

#[test]
fn convolution_known_answer() {
    let map = [1., 2., 3., 4., 5., 6., 7., 8., 9.];
    let layer = Conv2d::new(1, 1, 2).stride(2).padding(1).into();
    let parameters: [(&str, &[f64]); 2] = [("weight", &[1., 10., 100., 1000.]), ("bias", &[0.5])];
    let (output, _) = run_layer(layer, Shape::map(1, 3, 3), &map, &parameters, Mode::Eval);
    assert_eq!(output, [1000.5, 3200.5, 7040.5, 9865.5]);
}

#[test]
fn batch_norm_moves_its_running_averages_as_pytorch() {
    let parameters: [(&str, &[f64]); 5] = [
        ("weight", &[2.]),
        ("bias", &[1.]),
        ("running_mean", &[0.]),
        ("running_var", &[1.]),
        ("num_batches_tracked", &[0.]),
    ];
    let layer = Layer::BatchNorm2d(BatchNorm::new(1).eps(1e-12));
    let (output, after) =
        run_layer(layer, Shape::map(1, 2, 2), &[1., 2., 3., 6.], &parameters, Mode::train());
    let deviation = 3.5f64.sqrt();
    let expected = [-2., -1., 0., 3.].map(|x| x / deviation * 2. + 1.);
    assert!(output.iter().zip(expected).all(|(y, expected)| (y - expected).abs() < 1e-9), "{output:?}");
    assert!((after["0.running_mean"][0] - 0.3).abs() < 1e-7);
    assert!((after["0.running_var"][0] - (0.9 + 0.1 * 14. / 3.)).abs() < 1e-7);
    assert_eq!(after["0.num_batches_tracked"], [1.0]);
    let (output, _) = run_layer(layer, Shape::map(1, 2, 2), &[1., 2., 3., 6.], &parameters, Mode::Eval);
    assert!((output[3] - 13.0).abs() < 1e-9);
}

#[test]
fn layouts_are_each_others_inverse() {
    let shape = Shape::map(2, 1, 3);
    let last: Vec<f32> = (0..12u8).map(f32::from).collect();
    let first = to_channels_first(&last, shape);
    assert_eq!(first, [0., 2., 4., 1., 3., 5., 6., 8., 10., 7., 9., 11.]);
    assert_eq!(to_channels_last(&first, shape), last);
    let weights: Weights =
        [("a", Tensor::f32([1], vec![0.5])), ("b", Tensor::i64([], vec![3]))].into_iter().collect();
    assert_eq!(values(&weights)["b"], [3.0]);
}
