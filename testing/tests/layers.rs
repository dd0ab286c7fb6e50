//! Every layer, alone and in company, against PyTorch in double precision: outputs, gradients and running averages,
//! on every instruction set of this CPU, passes on and off, and in a plan with room for more images than come.

use ocelli_kernels::Isa;
use ocelli_nn::plan::{InferPlan, Passes, PlanOptions, SampleKeys, TrainPlan};
use ocelli_nn::{Network, Tensor, Weights};
use ocelli_testing::{Case, Fixture, Report, to_channels_first, to_channels_last, with_probe};

/// f32 sums of up to a few hundred terms of magnitude about 1, in any order: some ten units in the last place of the
/// largest value. Values are compared relative to the largest of their tensor.
const TOLERANCE: f64 = 5e-6;
/// Below this, a tensor's errors count as if its largest value were this: sums whose terms cancel are mostly rounding.
const FLOOR: f64 = 0.5;
/// A gradient that is below this throughout is exactly 0, as that of a bias before BatchNorm: what a plan has there is the
/// rounding of the batch's mean, times its count, and is measured against the gradient of the weight beside it.
const NOTHING: f32 = 1e-6;

/// A way to run the case.
struct Mode {
    name: String,
    options: PlanOptions,
}

/// Every way for a batch of this size.
fn modes(batch: usize) -> Vec<Mode> {
    let mut modes = Vec::new();
    for isa in Isa::available() {
        for (passes, name) in [(Passes::all(), "passes"), (Passes::none(), "no passes")] {
            for room in [0, 3] {
                let name = format!("{}, {name}, room for {room} more", isa.name());
                modes.push(Mode {
                    name,
                    options: PlanOptions { batch: batch + room, passes, isa, ..PlanOptions::default() },
                });
            }
        }
    }
    modes
}

fn check_file(file: &str) {
    let fixture = Fixture::load(file);
    let mut report = Report::default();
    for case in fixture.cases::<Case>() {
        let batch = fixture.get(&case.name, "input").expect("every case has an input").shape[0];
        for mode in modes(batch) {
            check_inference(&fixture, &case, &mode, &mut report);
            if fixture.get(&case.name, "output").is_some() {
                check_training(&fixture, &case, &mode, batch, &mut report);
                check_input_gradient(&fixture, &case, &mode, batch, &mut report);
            }
        }
    }
    report.finish();
}

fn check_inference(fixture: &Fixture, case: &Case, mode: &Mode, report: &mut Report) {
    let network = case.network();
    let name = if fixture.get(&case.name, "eval_output").is_some() { "eval_output" } else { "output" };
    let mut plan = InferPlan::new(&network, &fixture.group(&case.name, "param"), mode.options)
        .unwrap_or_else(|error| panic!("{}, {}: {error}", case.name, mode.name));
    let images = to_channels_last(fixture.values(&case.name, "input"), case.input);
    let what = format!("{name} in inference, {}", mode.name);
    let expected = fixture.values(&case.name, name);
    // Twice: nothing may be left over from the first.
    for _ in 0..2 {
        let output = to_channels_first(plan.run(&images), network.output());
        report.compare(&case.name, &what, &output, expected, FLOOR, TOLERANCE);
    }
}

fn check_training(fixture: &Fixture, case: &Case, mode: &Mode, batch: usize, report: &mut Report) {
    let network = case.network();
    let images = to_channels_last(fixture.values(&case.name, "input"), case.input);
    let weights = fixture.group(&case.name, "param");
    let (gradients, after) = train(fixture, case, mode, batch, report, (&network, &weights, &images));
    let exact = fixture.group(&case.name, "grad");
    for (name, expected) in exact.iter() {
        let weight = exact.get(&name.replace(".bias", ".weight")).unwrap_or(expected);
        let floor = if largest(expected) < NOTHING { f64::from(largest(weight)) } else { 0.0 };
        let what = format!("gradient of {name}, {}", mode.name);
        compare_tensor(report, case, &what, &gradients, name, expected, floor.max(FLOOR));
    }
    for (name, expected) in fixture.group(&case.name, "after").iter() {
        compare_tensor(
            report,
            case,
            &format!("{name} after a step, {}", mode.name),
            &after,
            name,
            expected,
            FLOOR,
        );
    }
}

fn check_input_gradient(fixture: &Fixture, case: &Case, mode: &Mode, batch: usize, report: &mut Report) {
    let input = to_channels_last(fixture.values(&case.name, "input"), case.input);
    let (network, weights, one_hot) = with_probe(case, &fixture.group(&case.name, "param"), &input);
    let (gradients, _) = train(fixture, case, mode, batch, report, (&network, &weights, &one_hot));
    let gradient = gradients.get("probe.weight").and_then(Tensor::as_f32).expect("the probe has a gradient");
    // It is channels × pixels of the batch, images one after another: each image's in PyTorch's order, but for
    // the channels, which run over the whole batch.
    let expected = fixture.values(&case.name, "grad_input");
    let channels = case.input.channels();
    let pixels = case.input.elements() / channels;
    let reordered: Vec<f32> = (0..expected.len())
        .map(|at| {
            let (image, channel, pixel) = (at / pixels / channels, at / pixels % channels, at % pixels);
            gradient[(channel * batch + image) * pixels + pixel]
        })
        .collect();
    report.compare(
        &case.name,
        &format!("gradient of the input, {}", mode.name),
        &reordered,
        expected,
        FLOOR,
        TOLERANCE,
    );
}

/// Runs a training plan forward, compares its output, and runs it backward. Returns the gradients, and the weights after.
fn train(
    fixture: &Fixture,
    case: &Case,
    mode: &Mode,
    batch: usize,
    report: &mut Report,
    (network, weights, images): (&Network, &Weights, &[f32]),
) -> (Weights, Weights) {
    let mut plan = TrainPlan::new(network, weights, mode.options)
        .unwrap_or_else(|error| panic!("{}, {}: {error}", case.name, mode.name));
    let samples: Vec<u64> = (0..batch as u64).collect();
    let output = plan.forward(images, &SampleKeys { seed: 1, epoch: 0, samples: &samples });
    let output = to_channels_first(output, network.output());
    let expected = fixture.values(&case.name, "output");
    report.compare(&case.name, &format!("output, {}", mode.name), &output, expected, FLOOR, TOLERANCE);
    let grad_output = fixture.values(&case.name, "grad_output");
    plan.backward(&to_channels_last(grad_output, network.output()));
    (plan.gradients(), plan.weights())
}

/// The largest magnitude of a tensor of floats.
fn largest(tensor: &Tensor) -> f32 {
    tensor.as_f32().unwrap_or_default().iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

fn compare_tensor(
    report: &mut Report,
    case: &Case,
    what: &str,
    got: &Weights,
    name: &str,
    expected: &Tensor,
    floor: f64,
) {
    let got = got.get(name).unwrap_or_else(|| panic!("{}: no {what}", case.name));
    match (got.as_f32(), expected.as_f32()) {
        (Some(got), Some(expected)) => report.compare(&case.name, what, got, expected, floor, TOLERANCE),
        _ => assert_eq!(got, expected, "{}: {what}", case.name),
    }
}

#[test]
fn convolutions() {
    check_file("conv2d");
}

#[test]
fn convolutions_of_every_kind() {
    check_file("conv2d_whole");
}

#[test]
fn convolutions_padded_unevenly() {
    check_file("conv2d_sides");
}

#[test]
fn convolutions_of_every_kind_in_company() {
    check_file("conv2d_blocks");
}

#[test]
fn pools() {
    check_file("pools");
}

#[test]
fn pools_of_every_option() {
    check_file("pools_whole");
}

#[test]
fn upsampling() {
    check_file("upsamples");
}

#[test]
fn linear_layers_on_channels() {
    check_file("channel_linears");
}

#[test]
fn other_layers() {
    check_file("others");
}

#[test]
fn blocks() {
    check_file("blocks");
}

#[test]
fn activations() {
    check_file("activations");
}

#[test]
fn joins() {
    check_file("joins");
}

#[test]
fn norms() {
    check_file("norms");
}
