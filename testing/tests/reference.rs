//! The reference executor, against which plans over arbitrary networks are tested, against PyTorch in double precision.

use ocelli_nn::reference::{Mode, Run, values};
use ocelli_testing::{Case, Fixture, Report};

/// Both compute in double precision from the same `f32` values: what is left is the rounding of the fixtures to `f32`.
const TOLERANCE: f64 = 3e-7;
/// Below this, a tensor's errors count as if its largest value were this.
const FLOOR: f64 = 0.1;

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

fn check_case(fixture: &Fixture, case: &Case, report: &mut Report) {
    let network = case.network();
    let name = case.name.as_str();
    let batch = fixture.get(name, "input").expect("every case has an input").shape[0];
    let images = wide(fixture.values(name, "input"));
    let parameters = values(&fixture.group(name, "param"));
    let mut compare = |what: &str, got: &[f64], expected: &[f32]| {
        report.compare(name, what, &narrow(got), expected, FLOOR, TOLERANCE);
    };
    if fixture.get(name, "eval_output").is_some() {
        let run = Run::new(&network, &parameters, Mode::Eval, batch, &images);
        compare("eval output", run.output(), fixture.values(name, "eval_output"));
    }
    if fixture.get(name, "output").is_none() {
        return;
    }
    let run = Run::new(&network, &parameters, Mode::train(), batch, &images);
    compare("output", run.output(), fixture.values(name, "output"));
    let gradients = run.backward(&wide(fixture.values(name, "grad_output")));
    compare("gradient of the input", &gradients.images, fixture.values(name, "grad_input"));
    for (parameter, expected) in fixture.group(name, "grad").iter() {
        let expected = expected.as_f32().expect("a gradient is f32");
        compare(&format!("gradient of {parameter}"), &gradients.parameters[parameter], expected);
    }
    for (buffer, expected) in values(&fixture.group(name, "after")) {
        compare(&format!("{buffer} after"), &run.parameters()[&buffer], &narrow(&expected));
    }
}

#[test]
fn agrees_with_pytorch_on_every_fixture() {
    let mut report = Report::default();
    let files = [
        "conv2d",
        "conv2d_whole",
        "conv2d_sides",
        "conv2d_blocks",
        "pools",
        "others",
        "blocks",
        "activations",
        "joins",
        "norms",
    ];
    for file in files {
        let fixture = Fixture::load(file);
        for case in fixture.cases::<Case>() {
            check_case(&fixture, &case, &mut report);
        }
    }
    report.finish();
}
