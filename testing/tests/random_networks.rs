//! Plans against the reference executor over random networks: what fixtures do not think of, above all
//! neighbours that a pass may take for a pattern.

use ocelli_kernels::Isa;
use ocelli_kernels::random::Stream;
use ocelli_nn::plan::{GradientPlan, InferPlan, Passes, PlanOptions, Recompute, SampleKeys, TrainPlan};
use ocelli_nn::reference::{Mode, Run, Values, to_channels_first, to_channels_last, values};
use ocelli_nn::{
    AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, BatchNorm, ChannelLinear, ChannelShuffle, Conv2d,
    Dropout, Gelu, GroupNorm, Layer, LayerNorm2d, LayerScale, Linear, LocalResponseNorm, MaxPool2d, Narrow,
    Network, Node, Padding, PaddingMode, Prelu, Role, Shape, Source, StochasticDepth, Tensor, Upsample,
    UpsampleMode, Weights,
};
use ocelli_testing::Report;

const NETWORKS: u64 = 160;
/// f32 against f64 through up to a dozen layers, of which BatchNorm over few values magnifies the rounding before it.
const TOLERANCE: f64 = 5e-5;
/// Gradients that are nothing but rounding count as if they were this large.
const FLOOR: f64 = 0.5;
/// The gradient of a bias before BatchNorm is below this: a sum in which everything cancels, measured against the
/// gradient of the weight beside it.
const NOTHING: f64 = 1e-6;

/// A network that grows at its end.
struct Growing {
    batch: usize,
    input: Shape,
    nodes: Vec<Node>,
    shapes: Vec<Shape>,
    random: Stream,
}

impl Growing {
    fn new(seed: u64) -> Self {
        let mut random = Stream::new(seed, 1, 0, 0);
        let channels = [1, 3, 5, 16, 17][random.below(5) as usize];
        // Large enough that some take Winograd's method, which needs many tiles.
        let (height, width) = (3 + random.below(14) as usize, 3 + random.below(14) as usize);
        let batch = 1 + random.below(6) as usize;
        Self {
            batch,
            input: Shape::map(channels, height, width),
            nodes: Vec::new(),
            shapes: Vec::new(),
            random,
        }
    }

    fn shape(&self) -> Shape {
        self.shapes.last().copied().unwrap_or(self.input)
    }

    /// Adds the layer if it fits what is there.
    fn push(&mut self, layer: Layer) {
        let end = self.nodes.len().checked_sub(1).map_or(Source::Input, Source::Node);
        let mut inputs = vec![end];
        if *layer.inputs().end() > 1 {
            let end = self.shape();
            let fits = |&at: &usize| match layer {
                Layer::Concat => self.shapes[at].size() == end.size(),
                _ => self.shapes[at] == end,
            };
            let alike: Vec<usize> = (0..self.shapes.len()).filter(fits).collect();
            let Some(&other) = alike.get(self.random.below(alike.len().max(1) as u32) as usize) else {
                return;
            };
            inputs.push(Source::Node(other));
        }
        let shape_of = |source: &Source| match *source {
            Source::Input => self.input,
            Source::Node(at) => self.shapes[at],
        };
        let shapes: Vec<_> = inputs.iter().map(shape_of).collect();
        if let Ok(shape) = layer.output_shape(&shapes) {
            self.nodes.push(Node { name: self.nodes.len().to_string(), layer, inputs });
            self.shapes.push(shape);
        }
    }

    /// A layer for the end, which may turn out not to fit it.
    fn draw(&mut self) -> Layer {
        let mut below = |n: u32| self.random.below(n) as usize;
        let (kind, kernel, stride) = (below(31), (1 + below(3), 1 + below(3)), (1 + below(2), 1 + below(2)));
        let (padding, width, bias) = (below(2), [1, 3, 16, 17, 24][below(5)], below(2) == 0);
        // Not those that squash: BatchNorm after one magnifies its rounding.
        let activations = [Layer::Silu, Layer::Hardswish, Layer::Gelu(Gelu::default())];
        let which = below(activations.len() as u32);
        let below4 = below(4);
        let channels = self.shape().channels();
        match (self.shape(), kind) {
            // Often what Winograd's method takes.
            (Shape::Map { .. }, 0 | 1) => Conv2d::new(channels, width, 3).padding(1).bias(bias).into(),
            (Shape::Map { .. }, 2 | 3) => {
                Conv2d::new(channels, width, kernel).stride(stride).padding(padding).bias(bias).into()
            }
            (Shape::Map { .. }, 15) => Conv2d::new(channels, channels, kernel)
                .groups(channels)
                .stride(stride)
                .padding(padding)
                .into(),
            (Shape::Map { .. }, 16) => {
                let groups = (2..=channels).find(|&groups| channels.is_multiple_of(groups)).unwrap_or(1);
                Conv2d::new(channels, width * groups, kernel)
                    .groups(groups)
                    .padding(padding)
                    .bias(bias)
                    .into()
            }
            (Shape::Map { .. }, 17) => Conv2d::new(channels, width, kernel)
                .dilation(1 + padding)
                .padding(Padding::Same)
                .bias(bias)
                .into(),
            (Shape::Map { .. }, 18) => {
                let mode = [PaddingMode::Reflect, PaddingMode::Replicate, PaddingMode::Circular][which];
                Conv2d::new(channels, width, kernel).padding(padding).padding_mode(mode).bias(bias).into()
            }
            (Shape::Map { .. }, 12) => {
                Layer::MaxPool2d(MaxPool2d::new(kernel).stride(stride).dilation(1 + padding).ceil_mode(bias))
            }
            (Shape::Map { .. }, 13) => {
                Layer::AvgPool2d(AvgPool2d::new(kernel).stride(2).ceil_mode(true).count_include_pad(bias))
            }
            (Shape::Map { .. }, 14) => Layer::AdaptiveMaxPool2d(AdaptiveMaxPool2d::new(kernel)),
            (Shape::Map { .. }, 29) => Layer::ChannelLinear(ChannelLinear::new(channels, width).bias(bias)),
            (Shape::Map { height, width, .. }, 30) if height.max(width) < 20 => {
                let mode = if bias { UpsampleMode::Nearest } else { UpsampleMode::Bilinear };
                Layer::Upsample(Upsample::by([0.5, 1.5, 2.0][which]).mode(mode))
            }
            (_, 19) => Layer::Relu6,
            (Shape::Map { .. }, 4) => Layer::MaxPool2d(MaxPool2d::new(2)),
            (Shape::Map { .. }, 5) => Layer::MaxPool2d(MaxPool2d::new(3).stride(2).padding(1)),
            (Shape::Map { .. }, 6) => Layer::AvgPool2d(AvgPool2d::new(kernel).count_include_pad(bias)),
            (Shape::Map { .. }, 7 | 8) if self.may_normalise() => {
                Layer::BatchNorm2d(BatchNorm::new(channels).affine(bias).track_running_stats(width != 3))
            }
            (Shape::Map { .. }, 9) => Layer::Dropout2d(Dropout::new(0.0)),
            (Shape::Features(_), 0..=3) => Layer::Linear(Linear::new(channels, width).bias(bias)),
            (Shape::Features(_), 9) => Layer::Dropout(Dropout::new(0.0)),
            (_, 10) => Layer::Add,
            (_, 11) => activations[which],
            (_, 20) => Layer::Concat,
            (_, 21) if bias => Layer::Multiply,
            (_, 21) => Layer::ChannelShuffle(ChannelShuffle::new([1, 2, 3, 17][below4])),
            (_, 22) => Layer::Narrow(Narrow::new(channels / 3, channels.div_ceil(2))),
            (Shape::Map { .. }, 23) if channels > 2 && self.may_normalise() => {
                Layer::LayerNorm2d(LayerNorm2d::new(channels).eps(0.01))
            }
            (Shape::Map { .. }, 24) => Layer::LayerScale(LayerScale::new(channels)),
            (Shape::Map { .. }, 26) if channels.is_multiple_of(3) && self.may_normalise() => {
                Layer::GroupNorm(GroupNorm::new(3, channels).eps(0.01))
            }
            (_, 27) => Layer::Prelu(Prelu::new(if bias { 1 } else { channels })),
            (Shape::Map { .. }, 28) => Layer::LocalResponseNorm(LocalResponseNorm::new(width).alpha(0.5)),
            (_, 25) => Layer::StochasticDepth(StochasticDepth::new(0.0)),
            _ => Layer::Relu,
        }
    }

    /// Not over a handful of values, nor what is normalised already, nor one map scaled: the gradient through a second
    /// BatchNorm, or of a scale before one, is a difference of almost equal numbers, of which f32 leaves little but rounding.
    fn may_normalise(&self) -> bool {
        let weighing = |node: &&Node| {
            matches!(node.layer, Layer::Conv2d(_) | Layer::Linear(_) | Layer::LayerScale(_))
                || normalises(node)
        };
        let last = self.nodes.iter().rev().find(weighing);
        let values = self.batch * self.shape().elements() / self.shape().channels();
        let does_not_matter = |node: &Node| match node.layer {
            Layer::LayerScale(_) => true,
            Layer::Conv2d(c) => c.in_channels / c.groups * c.kernel_size.area() == 1,
            _ => normalises(node),
        };
        values >= 12 && !last.is_some_and(does_not_matter)
    }

    /// Up to ten layers, and for most a head that makes features of maps.
    fn finish(mut self, seed: u64) -> (Network, usize, Stream) {
        for _ in 0..3 + self.random.below(8) {
            let layer = self.draw();
            self.push(layer);
        }
        // Nothing may have fitted.
        if self.nodes.is_empty() {
            self.push(Layer::Relu);
        }
        if self.random.below(4) > 0 {
            if self.random.below(2) == 0 {
                let side = 1 + self.random.below(2) as usize;
                self.push(Layer::AdaptiveAvgPool2d(AdaptiveAvgPool2d::new(side)));
            }
            self.push(Layer::Flatten);
            self.push(Layer::Linear(Linear::new(self.shape().elements(), 10)));
        }
        let described =
            format!("{seed}: {:?}", self.nodes.iter().map(|node| node.layer.type_name()).collect::<Vec<_>>());
        let network = Network::new(format!("network {seed}"), self.input, self.nodes);
        (network.unwrap_or_else(|error| panic!("{described}: {error}")), self.batch, self.random)
    }
}

fn normalises(node: &Node) -> bool {
    matches!(node.layer, Layer::BatchNorm2d(_) | Layer::GroupNorm(_) | Layer::LayerNorm2d(_))
}

/// Values that leave no term at 0 or 1.
fn random_weights(network: &Network, random: &mut Stream) -> Weights {
    let mut weights = network.init(0);
    for spec in network.parameters() {
        let fan = spec.shape.iter().skip(1).product::<usize>() as f32;
        let mut draw = || match spec.role {
            Role::RunningVar => 0.5 + random.uniform(),
            Role::Weight => random.normal() / fan.sqrt(),
            _ => random.normal(),
        };
        if spec.role != Role::NumBatchesTracked {
            let values = (0..spec.elements()).map(|_| draw()).collect();
            weights.insert(spec.name, Tensor::f32(spec.shape, values));
        }
    }
    weights
}

/// A network with everything that both executors are given.
struct Trial {
    network: Network,
    weights: Weights,
    batch: usize,
    images: Vec<f32>,
    grad_output: Vec<f32>,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let (network, batch, mut random) = Growing::new(seed).finish(seed);
        let weights = random_weights(&network, &mut random);
        let mut noise = |count: usize| (0..count).map(|_| random.normal()).collect::<Vec<f32>>();
        let images = noise(batch * network.input().elements());
        let grad_output = noise(batch * network.output().elements());
        Self { network, weights, batch, images, grad_output }
    }

    fn reference(&self, mode: Mode) -> Run<'_> {
        let images = to_channels_first(&self.images, self.network.input());
        Run::new(&self.network, &values(&self.weights), mode, self.batch, &images)
    }

    fn check(&self, options: PlanOptions, report: &mut Report) {
        let mode = format!("{}, passes {:?}", options.isa.name(), options.passes);
        let name = self.network.name();
        let mut compare = |what: &str, got: &[f32], expected: &[f64], floor: f64| {
            let expected: Vec<f32> = expected.iter().map(|&value| value as f32).collect();
            report.compare(name, &format!("{what}, {mode}"), got, &expected, floor, TOLERANCE);
        };
        let last = |values: &[f64]| {
            to_channels_last(values, self.network.output())
                .iter()
                .map(|&value| f64::from(value))
                .collect::<Vec<_>>()
        };

        let mut infer =
            InferPlan::new(&self.network, &self.weights, options).expect("a valid network has a plan");
        compare("inference", infer.run(&self.images), &last(self.reference(Mode::Eval).output()), FLOOR);

        let mut train =
            TrainPlan::new(&self.network, &self.weights, options).expect("a valid network has a plan");
        let samples: Vec<u64> = (0..self.batch as u64).collect();
        let output = train.forward(&self.images, &SampleKeys { seed: 0, epoch: 0, samples: &samples });
        let run = self.reference(Mode::train());
        compare("training", output, &last(run.output()), FLOOR);
        train.backward(&self.grad_output);
        let gradients = run.backward(&to_channels_first(&self.grad_output, self.network.output()));
        compare_all("gradient of", &train.gradients(), &gradients.parameters, &mut compare);
        compare_all("after a step:", &train.weights(), run.parameters(), &mut compare);

        let mut evaluated =
            GradientPlan::new(&self.network, &self.weights, options).expect("a valid network has a plan");
        let run = self.reference(Mode::Eval);
        compare("evaluation with gradients", evaluated.forward(&self.images), &last(run.output()), FLOOR);
        let gradients = run.backward(&to_channels_first(&self.grad_output, self.network.output()));
        let expected = to_channels_last(&gradients.images, self.network.input());
        let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
        compare("gradient of the images", evaluated.backward(&self.grad_output), &expected, FLOOR);
    }
}

/// Takes a name, what a plan gave, what the reference did, and what errors count as if the largest value were at least.
type Compare<'c> = dyn FnMut(&str, &[f32], &[f64], f64) + 'c;

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

fn compare_all(what: &str, got: &Weights, all: &Values, compare: &mut Compare<'_>) {
    for (name, expected) in all {
        let got = got.get(name).unwrap_or_else(|| panic!("no {what} {name}"));
        let weight = all.get(&name.replace(".bias", ".weight")).unwrap_or(expected);
        let floor = if largest(expected) < NOTHING { largest(weight).max(FLOOR) } else { FLOOR };
        if let Some(got) = got.as_f32() {
            compare(&format!("{what} {name}"), got, expected, floor);
        }
    }
}

#[test]
fn plans_agree_with_the_reference() {
    let mut report = Report::default();
    for seed in 0..NETWORKS {
        let trial = Trial::new(seed);
        for isa in Isa::available() {
            for passes in [Passes::all(), Passes::none()] {
                let recompute = if seed % 2 == 0 { Recompute::Always } else { Recompute::Never };
                trial.check(PlanOptions { batch: trial.batch, passes, isa, recompute }, &mut report);
            }
        }
    }
    report.finish();
}
