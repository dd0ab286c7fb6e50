//! A graph in the making: operators, constants, and names that are used once.

use super::proto::{self, Attribute, AttributeType, DataType};
use std::collections::HashSet;

/// The name of a value in the graph.
pub(super) type Value = String;

/// As many whole numbers are named after themselves.
const NAMED: usize = 8;

/// Operators and constants so far. What is added is named after the scope that it is added in.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<proto::Node>,
    constants: Vec<proto::Tensor>,
    names: HashSet<String>,
    scope: String,
}

impl Graph {
    /// From here on, names begin with this and a slash.
    pub(super) fn enter(&mut self, scope: &str) {
        scope.clone_into(&mut self.scope);
    }

    /// Adds an operator and gives the name of its output. An input without a name is one that is left out.
    pub(super) fn add(&mut self, operator: &str, inputs: &[&str], attributes: Vec<Attribute>) -> Value {
        let name = self.fresh(operator);
        self.push(operator, name.clone(), inputs, attributes);
        name
    }

    /// Adds an operator whose output has a given name, which nothing else may have.
    pub(super) fn add_as(
        &mut self,
        output: &str,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
    ) {
        self.push(operator, output.to_owned(), inputs, attributes);
    }

    fn push(&mut self, operator: &str, name: String, inputs: &[&str], attribute: Vec<Attribute>) {
        self.nodes.push(proto::Node {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            // Not what its value is called: rten has one list for the names of both.
            name: format!("node/{name}"),
            output: vec![name],
            op_type: operator.to_owned(),
            attribute,
        });
    }

    /// A constant of floats.
    pub(super) fn floats(&mut self, what: &str, shape: &[usize], values: &[f32]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let name = self.fresh(what);
        self.constant(name, shape, DataType::Float, bytes)
    }

    /// A constant of bytes with a sign.
    pub(super) fn small_ints(&mut self, what: &str, shape: &[usize], values: &[i8]) -> Value {
        let bytes = values.iter().map(|value| value.cast_unsigned()).collect();
        let name = self.fresh(what);
        self.constant(name, shape, DataType::Int8, bytes)
    }

    /// A row of whole numbers of 32 bits.
    pub(super) fn whole_numbers(&mut self, what: &str, values: &[i32]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let name = self.fresh(what);
        self.constant(name, &[values.len()], DataType::Int32, bytes)
    }

    /// One byte, as a tensor without dimensions.
    pub(super) fn byte(&mut self, what: &str, value: u8) -> Value {
        let name = self.fresh(what);
        self.constant(name, &[], DataType::Uint8, vec![value])
    }

    /// One float, as a tensor without dimensions.
    pub(super) fn float(&mut self, value: f32) -> Value {
        let name = format!("const/{value:?}");
        if !self.names.insert(name.clone()) {
            return name;
        }
        self.constant(name, &[], DataType::Float, value.to_le_bytes().to_vec())
    }

    /// A row of whole numbers; the same again has the same name.
    pub(super) fn ints(&mut self, values: &[i64]) -> Value {
        let name = if values.len() <= NAMED {
            let numbers: Vec<_> = values.iter().map(i64::to_string).collect();
            format!("const/[{}]", numbers.join(","))
        } else {
            self.fresh("ints")
        };
        if values.len() <= NAMED && !self.names.insert(name.clone()) {
            return name;
        }
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, &[values.len()], DataType::Int64, bytes)
    }

    /// One whole number, as a tensor without dimensions.
    pub(super) fn int(&mut self, value: i64) -> Value {
        let name = format!("const/{value}i");
        if !self.names.insert(name.clone()) {
            return name;
        }
        self.constant(name, &[], DataType::Int64, value.to_le_bytes().to_vec())
    }

    fn constant(&mut self, name: String, shape: &[usize], data_type: DataType, raw_data: Vec<u8>) -> Value {
        let dims = shape.iter().map(|&length| length as i64).collect();
        self.constants.push(proto::Tensor {
            dims,
            data_type: data_type.into(),
            name: name.clone(),
            raw_data,
        });
        name
    }

    /// A name that nothing has yet.
    fn fresh(&mut self, what: &str) -> String {
        let plain = format!("{}/{what}", self.scope);
        let numbered = (1..).map(|number| format!("{plain}_{number}"));
        let name = std::iter::once(plain.clone()).chain(numbered).find(|name| !self.names.contains(name));
        let name = name.expect("numbers do not end");
        self.names.insert(name.clone());
        name
    }

    /// All of it as a message.
    pub(super) fn finish(
        self,
        name: &str,
        input: proto::ValueInfo,
        output: proto::ValueInfo,
    ) -> proto::Graph {
        proto::Graph {
            node: self.nodes,
            name: name.to_owned(),
            initializer: self.constants,
            input: vec![input],
            output: vec![output],
        }
    }
}

// What most operators need, by short names.
impl Graph {
    pub(super) fn sum(&mut self, a: &str, b: &str) -> Value {
        self.add("Add", &[a, b], vec![])
    }

    pub(super) fn difference(&mut self, a: &str, b: &str) -> Value {
        self.add("Sub", &[a, b], vec![])
    }

    pub(super) fn product(&mut self, a: &str, b: &str) -> Value {
        self.add("Mul", &[a, b], vec![])
    }

    /// Of whole numbers the quotient without what follows the point.
    pub(super) fn quotient(&mut self, a: &str, b: &str) -> Value {
        self.add("Div", &[a, b], vec![])
    }

    pub(super) fn least(&mut self, a: &str, b: &str) -> Value {
        self.add("Min", &[a, b], vec![])
    }

    pub(super) fn most(&mut self, a: &str, b: &str) -> Value {
        self.add("Max", &[a, b], vec![])
    }

    pub(super) fn float_of(&mut self, value: &str) -> Value {
        self.add("Cast", &[value], vec![int("to", DataType::Float as i64)])
    }

    pub(super) fn int_of(&mut self, value: &str) -> Value {
        self.add("Cast", &[value], vec![int("to", DataType::Int64 as i64)])
    }

    pub(super) fn gather(&mut self, value: &str, places: &str, axis: i64) -> Value {
        self.add("Gather", &[value, places], vec![int("axis", axis)])
    }

    pub(super) fn reshape(&mut self, value: &str, shape: &[i64]) -> Value {
        let shape = self.ints(shape);
        self.add("Reshape", &[value, &shape], vec![])
    }

    pub(super) fn transpose(&mut self, value: &str, order: &[i64]) -> Value {
        self.add("Transpose", &[value], vec![ints("perm", order)])
    }
}

/// A whole number as an option.
pub(super) fn int(name: &str, value: i64) -> Attribute {
    Attribute {
        name: name.to_owned(),
        i: Some(value),
        r#type: AttributeType::Int.into(),
        ..Attribute::default()
    }
}

/// Whole numbers as an option.
pub(super) fn ints(name: &str, values: &[i64]) -> Attribute {
    let ints = values.to_vec();
    Attribute { name: name.to_owned(), ints, r#type: AttributeType::Ints.into(), ..Attribute::default() }
}

/// A float as an option.
pub(super) fn float(name: &str, value: f32) -> Attribute {
    Attribute {
        name: name.to_owned(),
        f: Some(value),
        r#type: AttributeType::Float.into(),
        ..Attribute::default()
    }
}

/// Text as an option.
pub(super) fn text(name: &str, value: &str) -> Attribute {
    let s = Some(value.as_bytes().to_vec());
    Attribute { name: name.to_owned(), s, r#type: AttributeType::String.into(), ..Attribute::default() }
}
