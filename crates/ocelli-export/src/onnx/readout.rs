//! From what the network puts out to probabilities: `Readout` of `ocelli-model`, in the graph.

use super::OUTPUT;
use super::graph::{Graph, Value, int};
use ocelli_model::Classifier;

/// Adds what comes after the network, for so many views of each image.
pub(super) fn add(graph: &mut Graph, classifier: &Classifier, outputs: &str, views: usize) {
    graph.enter("readout");
    let readout = classifier.readout();
    let temperature = classifier.temperature().unwrap_or(1.0);
    // Of the logits of one view, a temperature is a divisor; of anything else, of the logarithms in the end.
    let of_logits = views == 1 && !readout.are_probabilities();
    let mut value = outputs.to_owned();
    if of_logits {
        value = tempered(graph, &value, temperature);
    }
    if !readout.are_probabilities() {
        value = if classifier.is_multi_label() {
            graph.add("Sigmoid", &[&value], vec![])
        } else {
            softmax(graph, &value)
        };
    }
    if views > 1 {
        let apart = graph.reshape(&value, &[views as i64, -1, classifier.classes().len() as i64]);
        let axis = graph.ints(&[0]);
        value = graph.add("ReduceMean", &[&apart, &axis], vec![int("keepdims", 0)]);
    }
    if !of_logits && temperature != 1.0 {
        let least = graph.float(f32::MIN_POSITIVE);
        let some = graph.most(&value, &least);
        let logarithms = graph.add("Log", &[&some], vec![]);
        let logits = tempered(graph, &logarithms, temperature);
        value = softmax(graph, &logits);
    }
    graph.add_as(OUTPUT, "Identity", &[&value], vec![]);
}

fn softmax(graph: &mut Graph, logits: &str) -> Value {
    graph.add("Softmax", &[logits], vec![int("axis", 1)])
}

/// Logits at a temperature.
fn tempered(graph: &mut Graph, logits: &str, temperature: f64) -> Value {
    if temperature == 1.0 {
        return logits.to_owned();
    }
    let temperature = graph.float(temperature as f32);
    graph.quotient(logits, &temperature)
}
