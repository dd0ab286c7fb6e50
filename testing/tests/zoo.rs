//! The networks by name against PyTorch's and torchvision's: names and shapes of the `state_dict`, outputs, gradients.

use ocelli_kernels::Isa;
use ocelli_nn::plan::{InferPlan, Passes, PlanOptions, SampleKeys, TrainPlan};
use ocelli_nn::{Layer, Network, Node, Role, Shape, Tensor, Weights, zoo};
use ocelli_testing::{Fixture, Report, formula, to_channels_last};
use serde::Deserialize;

const SAMPLES: usize = 8;
/// f32 through up to twenty convolutions and linear layers, relative to the largest output.
const TOLERANCE: f64 = 2e-5;
/// Through more of them, each with a BatchNorm over as few as twelve values.
const TOLERANCE_OF_DEEP: f64 = 1e-4;
/// Gradients, besides, come back through BatchNorm over as few as twelve values, which magnifies rounding.
const TOLERANCE_OF_GRADIENTS: f64 = 1e-4;
/// Lifted normalisations subtract means several times as large as what varies, which magnifies rounding further: weights a
/// millionth off change gradients by as much as this.
const TOLERANCE_OF_LIFTED_GRADIENTS: f64 = 1e-3;
/// Below this, a tensor's errors count as if its largest value were this.
const FLOOR: f64 = 0.01;
/// The gradient of a bias before BatchNorm is 0 but for rounding, and below this in the fixtures. It is a sum in which
/// everything cancels, so it is measured against the gradient of the weight beside it.
const NOTHING: f32 = 1e-6;

#[derive(Deserialize)]
struct Case {
    name: String,
    /// What the keys of its formulas begin with.
    key: String,
    input: Shape,
    /// 0 if nothing is computed with the network.
    batch: usize,
    classes: usize,
    /// Whether it trains with normalisations that keep values clear of the edges of activations.
    lifted: bool,
    parameters: Vec<(String, Vec<usize>)>,
}

impl Case {
    fn network(&self) -> Network {
        zoo::build(&self.name, self.input, self.classes)
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// With dropout and stochastic depth at 0, as the fixture has it.
    fn network_without_dropout(&self) -> Network {
        let network = self.network();
        let mut nodes = network.nodes().to_vec();
        for node in &mut nodes {
            match &mut node.layer {
                Layer::Dropout(dropout) | Layer::Dropout2d(dropout) => dropout.p = 0.0,
                Layer::StochasticDepth(depth) => depth.p = 0.0,
                _ => {}
            }
        }
        Network::new(&self.name, self.input, nodes).expect("the same network")
    }

    /// As `fixtures/zoo.py` has them.
    fn weights(&self, network: &Network, lifted: bool) -> Weights {
        let mut weights = network.init(0);
        for spec in network.parameters() {
            let scale = match spec.role {
                Role::NumBatchesTracked => continue,
                Role::NormWeight | Role::RunningVar => 1.0,
                _ => 0.0,
            };
            let fan_in = spec.shape.iter().skip(1).product::<usize>() as f32;
            let fit = |value: f32| match spec.role {
                Role::NormWeight if lifted => (value * 0.25 + scale) * 0.25,
                Role::NormBias if lifted => value * 0.25 + 1.5,
                _ if spec.shape.len() == 1 => value * 0.25 + scale,
                _ => value * (6.0 / fan_in).sqrt(),
            };
            let values = formula(&format!("{}/{}", self.key, spec.name), spec.elements())
                .into_iter()
                .map(fit)
                .collect();
            weights.insert(spec.name, Tensor::f32(spec.shape, values));
        }
        weights
    }

    fn images(&self) -> Vec<f32> {
        let images = formula(&format!("{}/images", self.key), self.batch * self.input.elements());
        to_channels_last(&images, self.input)
    }

    fn check(&self, fixture: &Fixture, options: PlanOptions, report: &mut Report) {
        let mode = format!("{}, passes {:?}", options.isa.name(), options.passes);
        let network = self.network_without_dropout();
        let weights = self.weights(&network, false);
        let weighing = |node: &&Node| matches!(node.layer, Layer::Conv2d(_) | Layer::Linear(_));
        let depth = network.nodes().iter().filter(weighing).count();
        let tolerance = if depth > 20 { TOLERANCE_OF_DEEP } else { TOLERANCE };
        let mut compare = |what: &str, got: &[f32], expected: &[f32], floor: f64, tolerance: f64| {
            report.compare(&self.name, &format!("{what}, {mode}"), got, expected, floor, tolerance);
        };
        let mut plan = InferPlan::new(&network, &weights, options).expect("a network of the zoo has a plan");
        compare(
            "inference",
            plan.run(&self.images()),
            fixture.values(&self.name, "eval_output"),
            FLOOR,
            tolerance,
        );

        let weights = self.weights(&network, self.lifted);
        let mut plan = TrainPlan::new(&network, &weights, options).expect("a network of the zoo has a plan");
        let samples: Vec<u64> = (0..self.batch as u64).collect();
        let keys = SampleKeys { seed: 0, epoch: 0, samples: &samples };
        compare(
            "training",
            plan.forward(&self.images(), &keys),
            fixture.values(&self.name, "output"),
            FLOOR,
            tolerance,
        );
        plan.backward(&formula(&format!("{}/grad_output", self.key), self.batch * self.classes));
        let gradients = plan.gradients();
        let expected_gradients = fixture.group(&self.name, "grad");
        for (name, expected) in expected_gradients.iter() {
            let got = gradients.get(name).and_then(Tensor::as_f32).expect("every parameter has a gradient");
            let got: Vec<f32> = got.iter().copied().step_by((got.len() / SAMPLES).max(1)).collect();
            let expected = expected.as_f32().expect("gradients are f32");
            let largest = |values: &[f32]| values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            let beside = expected_gradients.get(&name.replace(".bias", ".weight")).and_then(Tensor::as_f32);
            let nothing = name.ends_with(".bias") && largest(expected) < NOTHING;
            let floor = match beside.filter(|_| nothing).map(|weight| f64::from(largest(weight))) {
                // Where every value is lifted, the next BatchNorm takes out most of what the weight does too.
                Some(of_weight) if self.lifted => of_weight.max(FLOOR),
                Some(of_weight) => of_weight,
                None => FLOOR,
            };
            let tolerance = if self.lifted { TOLERANCE_OF_LIFTED_GRADIENTS } else { TOLERANCE_OF_GRADIENTS };
            compare(&format!("gradient of {name}"), &got, expected, floor, tolerance);
        }
    }
}

fn check_state_dicts(file: &str) {
    for case in Fixture::load(file).cases::<Case>() {
        let (scales, layers): (Vec<_>, Vec<_>) =
            case.network().parameters().into_iter().partition(|spec| spec.role == Role::LayerScale);
        let mut ours = layers.into_iter().map(|spec| (spec.name, spec.shape)).collect::<Vec<_>>();
        for scale in scales {
            let block = scale.name.trim_end_matches("layer_scale");
            let place =
                ours.iter().position(|(name, _)| name.starts_with(block)).expect("a block has layers");
            ours.insert(place, (scale.name, scale.shape));
        }
        assert_eq!(ours, case.parameters, "{}", case.name);
    }
}

fn check_plans(file: &str) {
    let fixture = Fixture::load(file);
    let mut report = Report::default();
    for case in fixture.cases::<Case>().into_iter().filter(|case| case.batch > 0) {
        for isa in Isa::available() {
            for passes in [Passes::all(), Passes::none()] {
                case.check(
                    &fixture,
                    PlanOptions { batch: case.batch, passes, isa, ..PlanOptions::default() },
                    &mut report,
                );
            }
        }
    }
    report.finish();
}

#[test]
fn state_dicts_have_pytorchs_names_and_shapes() {
    check_state_dicts("zoo");
}

#[test]
fn state_dicts_of_modern_networks_have_pytorchs_names_and_shapes() {
    check_state_dicts("zoo_modern");
}

/// A block of torchvision's ConvNeXt has its layer scale as a parameter of its own, before its layers'; here a layer of
/// the block has it.
#[test]
fn state_dicts_of_convnext_have_pytorchs_names_and_shapes() {
    check_state_dicts("zoo_convnext");
}

#[test]
fn plans_of_convnext_compute_what_pytorch_does() {
    check_plans("zoo_convnext");
}

#[test]
fn plans_compute_what_pytorch_does() {
    check_plans("zoo");
}

#[test]
fn plans_of_modern_networks_compute_what_pytorch_does() {
    check_plans("zoo_modern");
}
