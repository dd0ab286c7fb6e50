//! From a [`Network`] to TOML.

use std::fmt::Write;

use toml::Value;

use crate::network::{Network, Node, Source};

pub(super) fn toml(network: &Network) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: Value| writeln!(text, "{key} = {value}").expect("a String takes all");
    line("name", network.name().into());
    line("input", Value::try_from(network.input()).expect("a shape is a list of numbers"));
    for rule in network.initialisation().rules() {
        text.push_str("\n[[initialisation]]\n");
        text.push_str(&toml::to_string(rule).expect("a rule is plain data"));
    }
    for (index, node) in network.nodes().iter().enumerate() {
        text.push_str("\n[[layers]]\n");
        write_layer(&mut text, network, index, node).expect("a String takes all");
    }
    text
}

fn write_layer(text: &mut String, network: &Network, index: usize, node: &Node) -> std::fmt::Result {
    if node.name != index.to_string() {
        writeln!(text, "name = {}", Value::from(node.name.as_str()))?;
    }
    let before = index.checked_sub(1).map_or(Source::Input, Source::Node);
    if node.inputs != [before] {
        let name = |source: &Source| match *source {
            Source::Input => Value::from("input"),
            Source::Node(index) => Value::from(network.nodes()[index].name.as_str()),
        };
        writeln!(text, "inputs = {}", Value::Array(node.inputs.iter().map(name).collect()))?;
    }
    let mut table = toml::Table::try_from(node.layer).expect("a layer is a table");
    writeln!(text, "type = {}", table.remove("type").expect("a layer has a type"))?;
    for (key, value) in table {
        // The one option that is an `f64`.
        let value = if key == "scale_factor" { value } else { short(value) };
        writeln!(text, "{key} = {value}")?;
    }
    Ok(())
}

/// A float that was an `f32` with no more digits than that needs: 0.1, not 0.10000000149011612.
fn short(value: Value) -> Value {
    match value {
        Value::Float(wide) => Value::Float((wide as f32).to_string().parse().unwrap_or(wide)),
        other => other,
    }
}
