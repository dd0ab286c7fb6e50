//! From outputs to probabilities, and what a file says of its classifier.

use ocelli_export::torchscript;
use ocelli_model::Classifier;
use ocelli_nn::{Layer, Network, Node, Shape, Source, Tensor, TensorData, Weights};
use ocelli_testing::Report;
use serde_json::json;

use crate::lite0::photographs;
use crate::session::Session;
use crate::{TOLERANCE, names, predictions, probabilities, small, transforms};

#[test]
fn readouts_and_attributes_are_the_classifiers() {
    let Some(mut session) = Session::new() else { return };
    let (_, files) = photographs(session.python(), session.folder());
    let list = json!([{ "type": "Resize", "size": 40 }, { "type": "TenCrop", "size": 32 }]);
    let classifier = |last: Option<Layer>| {
        let network = small(Shape::map(3, 32, 32), 4);
        let mut nodes = network.nodes().to_vec();
        if let Some(layer) = last {
            let inputs = vec![Source::Node(nodes.len() - 1)];
            nodes.push(Node { name: "last".into(), layer, inputs });
        }
        let network = Network::new("small", network.input(), nodes).expect("a valid network");
        let weights = loud(&network);
        Classifier::new(network, weights, transforms(list.clone()), names(4)).expect("parts that fit")
    };
    let metrics = [("valid.accuracy".to_owned(), 0.875)].into();
    let classifiers = [
        classifier(None).with_metrics(metrics),
        classifier(Some(Layer::Softmax)),
        classifier(None).with_temperature(2.5).and_then(|c| c.with_reject(0.5)).expect("valid"),
        classifier(None).with_temperature(0.01).expect("valid"),
        classifier(None).with_thresholds(vec![0.5, 0.25, 0.125, 1.0]).expect("valid"),
        classifier(Some(Layer::Sigmoid)).with_thresholds(vec![0.5; 4]).expect("valid"),
    ];
    let wanted = [
        "class_names",
        "multi_label",
        "temperature",
        "reject",
        "thresholds",
        "metrics",
        "ocelli_version",
        "training",
    ];
    let mut jobs = Vec::new();
    for (number, classifier) in classifiers.iter().enumerate() {
        let model = format!("readout-{number}");
        let bytes = torchscript::export(classifier).expect("a classifier that can be exported");
        std::fs::write(session.path(&model), bytes).expect("a file");
        for (file, prediction) in files.iter().zip(predictions(classifier, &files)) {
            let job = session.run_image(
                &model,
                "forward",
                file,
                "float",
                json!({ "attributes": wanted, "copies": true }),
            );
            jobs.push((job, model.clone(), probabilities(classifier, &prediction)));
        }
    }
    let answers = session.finish();
    let mut report = Report::default();
    for (job, model, expected) in &jobs {
        for (what, output) in answers.copies(*job) {
            report.compare(model, what, output, expected, 1.0, TOLERANCE);
        }
    }
    report.finish();
    let plain = json!({
        "class_names": names(4), "multi_label": false, "temperature": 1.0, "reject": null, "thresholds": null,
        "metrics": { "valid.accuracy": 0.875 }, "ocelli_version": env!("CARGO_PKG_VERSION"), "training": false,
    });
    assert_eq!(answers.attributes("readout-0"), &plain);
    let tempered = answers.attributes("readout-2");
    assert_eq!((&tempered["temperature"], &tempered["reject"]), (&json!(2.5), &json!(0.5)));
    let several = answers.attributes("readout-4");
    assert_eq!(
        (&several["multi_label"], &several["thresholds"]),
        (&json!(true), &json!([0.5, 0.25, 0.125, 1.0]))
    );
}

/// Weights that make some classes far likelier than others.
fn loud(network: &Network) -> Weights {
    let mut weights = network.init(3);
    let names: Vec<_> = weights.names().map(str::to_owned).collect();
    for name in names {
        if let Some(Tensor { data: TensorData::F32(values), .. }) = weights.get_mut(&name) {
            values.iter_mut().for_each(|value| *value *= 8.0);
        }
    }
    weights
}
