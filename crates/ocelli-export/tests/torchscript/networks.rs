//! Layers and networks alone: outputs, and the `state_dict`.

use ocelli_export::torchscript;
use ocelli_nn::plan::{InferPlan, PlanOptions};
use ocelli_nn::{Linear, Network, Node, Role, Shape, Source, Tensor, Weights, zoo};
use ocelli_testing::{Case, Fixture, Report, formula, to_channels_first, to_channels_last};
use serde_json::json;

use crate::session::Session;

/// Of layers alone and in small company: f32 sums of up to a few hundred terms.
const TOLERANCE_OF_LAYERS: f64 = 5e-6;
/// Of a network's outputs, relative to the largest: f32 through up to a hundred layers, summed in another order.
const TOLERANCE_OF_NETWORKS: f64 = 1e-4;
/// Below this, a tensor's errors count as if its largest value were this.
const FLOOR: f64 = 0.5;

#[test]
fn layers_compute_what_pytorchs_do() {
    let Some(mut session) = Session::new() else { return };
    let mut cases = Vec::new();
    for file in [
        "activations",
        "blocks",
        "channel_linears",
        "conv2d",
        "conv2d_blocks",
        "conv2d_sides",
        "conv2d_whole",
        "joins",
        "norms",
        "others",
        "pools",
        "pools_whole",
        "upsamples",
    ] {
        let fixture = Fixture::load(file);
        for case in fixture.cases::<Case>() {
            let name = format!("{file}-{}", case.name);
            let weights = fixture.group(&case.name, "param");
            let bytes = torchscript::export_network(&case.network(), &weights).expect("a layer");
            std::fs::write(session.path(&name), bytes).expect("a file");
            let input = fixture.get(&case.name, "input").expect("every case has an input").clone();
            let job = session.run_tensor(&name, "forward", input, json!({}));
            let output =
                if fixture.get(&case.name, "eval_output").is_some() { "eval_output" } else { "output" };
            cases.push((job, name, fixture.values(&case.name, output).to_vec(), weights));
        }
    }
    let answers = session.finish();
    let mut report = Report::default();
    for (job, name, expected, weights) in &cases {
        report.compare(name, "output", answers.output(*job), expected, FLOOR, TOLERANCE_OF_LAYERS);
        answers.assert_state(name, weights);
    }
    report.finish();
}

/// Weights that keep the size of values from layer to layer, and normalisations a little off their start, so that outputs are not all
/// rounding.
fn even(network: &Network) -> Weights {
    let mut weights = network.init(0);
    for spec in network.parameters() {
        let start = match spec.role {
            Role::NumBatchesTracked => continue,
            Role::NormWeight | Role::RunningVar => 1.0,
            _ => 0.0,
        };
        let fan_in = spec.shape.iter().skip(1).product::<usize>() as f32;
        let fit =
            |value| if spec.shape.len() == 1 { value * 0.25 + start } else { value * (6.0 / fan_in).sqrt() };
        let values = formula(&spec.name, spec.elements()).into_iter().map(fit).collect();
        weights.insert(spec.name, Tensor::f32(spec.shape, values));
    }
    weights
}

#[test]
fn networks_of_the_zoo_compute_the_same_in_pytorch() {
    let Some(mut session) = Session::new() else { return };
    let mut cases = Vec::new();
    // VGG's files have half a gigabyte each, and nothing that AlexNet has not.
    for name in zoo::NAMES.into_iter().filter(|name| !name.starts_with("vgg")) {
        let side = match zoo::default_input(name).expect("a network of the zoo").size() {
            // On maps that its adaptive pooling does not divide, PyTorch's optimised copy gives up.
            Some(size) if size.height < 64 || name == "alexnet" => size.height,
            _ => 64,
        };
        let channels = if name == "lenet5" { 1 } else { 3 };
        let network = zoo::build(name, Shape::map(channels, side, side), 10).expect("a network of the zoo");
        let weights = even(&network);
        let bytes = torchscript::export_network(&network, &weights).expect("a network of the zoo");
        std::fs::write(session.path(name), bytes).expect("a file");
        let values = formula("torchscript", 2 * network.input().elements());
        let input = Tensor::f32([2, channels, side, side], values.clone());
        let job = session.run_tensor(name, "forward", input, json!({ "copies": true }));
        let options = PlanOptions { batch: 2, ..PlanOptions::default() };
        let mut plan = InferPlan::new(&network, &weights, options).expect("a plan");
        let expected = plan.run(&to_channels_last(&values, network.input())).to_vec();
        cases.push((job, name, to_channels_first(&expected, network.output()), weights));
    }
    let answers = session.finish();
    let mut report = Report::default();
    for (job, name, expected, weights) in &cases {
        for (what, output) in answers.copies(*job) {
            report.compare(name, what, output, expected, 1e-2, TOLERANCE_OF_NETWORKS);
        }
        answers.assert_state(name, weights);
    }
    report.finish();
}

/// Names that are no identifiers, words of Python, or methods of modules.
#[test]
fn layers_may_be_called_what_they_like() {
    let Some(mut session) = Session::new() else { return };
    let names = [
        "0",
        "a-b.1",
        "if.else",
        "class.weight",
        "eval",
        "T",
        "float.half",
        "x0",
        "self.self",
        "torch",
        "__torch__",
    ];
    let nodes = names.iter().enumerate().map(|(index, name)| Node {
        name: (*name).to_owned(),
        layer: Linear::new(3, 3).into(),
        inputs: vec![index.checked_sub(1).map_or(Source::Input, Source::Node)],
    });
    let network = Network::new("named", Shape::features(3), nodes.collect()).expect("a valid network");
    let weights = network.init(1);
    let bytes = torchscript::export_network(&network, &weights).expect("names that PyTorch takes");
    std::fs::write(session.path("named"), bytes).expect("a file");
    let input = vec![1.0, -2.0, 0.5];
    let job =
        session.run_tensor("named", "forward", Tensor::f32([1, 3], input.clone()), json!({ "copies": true }));
    let answers = session.finish();
    let mut plan = InferPlan::new(&network, &weights, PlanOptions::default()).expect("a plan");
    let mut report = Report::default();
    for (what, output) in answers.copies(job) {
        report.compare("named", what, output, plan.run(&input), FLOOR, TOLERANCE_OF_LAYERS);
    }
    report.finish();
    answers.assert_state("named", &weights);
}
