//! What a file takes, read without its graph and weights.

use super::metadata::{EIGHT_BITS, PRECISION};
use super::proto::{DataType, Entry, Length, ValueInfo};
use super::{Input, Layout};
use crate::ExportError;
use prost::Message;
use std::path::Path;

/// The part of a file that says what goes in; everything else is passed over.
#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "14")]
    metadata_props: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfo>,
}

/// What an exported file takes, and how it computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) input: Input,
    pub(crate) layout: Layout,
    /// Whether the network computes with eight bits, so that answers differ.
    pub(crate) eight_bits: bool,
}

/// Reads it from a file.
///
/// # Errors
/// It cannot be read, or takes nothing that Ocelli's exports take.
pub(crate) fn header_of(path: &Path) -> Result<Header, ExportError> {
    let io = |source| ExportError::Io { path: path.to_owned(), doing: "read", source };
    let bytes = std::fs::read(path).map_err(io)?;
    read(&bytes).ok_or_else(|| {
        let reason = "it is no ONNX file whose one input is a batch of images, as `ocelli export --format onnx` writes them";
        ExportError::NotOurs { path: path.to_owned(), reason }
    })
}

fn read(bytes: &[u8]) -> Option<Header> {
    let Model { graph, metadata_props } = Model::decode(bytes).ok()?;
    let graph = graph?;
    let [input] = graph.input.as_slice() else { return None };
    let tensor = input.r#type.as_ref()?.tensor_type.as_ref()?;
    let form = match DataType::try_from(tensor.elem_type).ok()? {
        DataType::Uint8 => Input::Images,
        DataType::Float => Input::Floats,
        _ => return None,
    };
    let dimensions: Vec<_> = tensor.shape.as_ref()?.dim.iter().map(|dimension| &dimension.length).collect();
    let channels = |at: usize| matches!(dimensions[at], Some(Length::Value(1 | 3)));
    let layout = match dimensions.len() {
        4 if channels(1) => Layout::Nchw,
        4 if channels(3) => Layout::Nhwc,
        _ => return None,
    };
    let eight_bits = metadata_props.iter().any(|entry| entry.key == PRECISION && entry.value == EIGHT_BITS);
    Some(Header { input: form, layout, eight_bits })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::proto::{Dimension, Shape, TensorType, Type};

    fn file(data_type: DataType, dimensions: &[Option<i64>]) -> Vec<u8> {
        let length = |length: &Option<i64>| length.map_or_else(|| Length::Name("n".into()), Length::Value);
        let dim = dimensions.iter().map(|value| Dimension { length: Some(length(value)) }).collect();
        let tensor_type = Some(TensorType { elem_type: data_type.into(), shape: Some(Shape { dim }) });
        let input = ValueInfo {
            name: "images".into(),
            r#type: Some(Type { tensor_type }),
            doc_string: String::new(),
        };
        let graph = Some(Graph { input: vec![input] });
        let precision = Entry { key: PRECISION.into(), value: EIGHT_BITS.into() };
        Model { graph, metadata_props: vec![precision] }.encode_to_vec()
    }

    #[test]
    fn what_goes_in_is_read() {
        let images = read(&file(DataType::Uint8, &[None, Some(3), None, None]));
        let expected = Header { input: Input::Images, layout: Layout::Nchw, eight_bits: true };
        assert_eq!(images, Some(expected));
        let floats = read(&file(DataType::Float, &[None, Some(28), Some(28), Some(1)])).unwrap();
        assert_eq!((floats.input, floats.layout), (Input::Floats, Layout::Nhwc));
        assert_eq!(read(&file(DataType::Int64, &[None, Some(3), None, None])), None);
        assert_eq!(read(&file(DataType::Uint8, &[None, Some(3)])), None);
        assert_eq!(read(&file(DataType::Uint8, &[None; 4])), None);
    }

    #[test]
    fn other_bytes_are_no_file() {
        let whole = file(DataType::Uint8, &[None, Some(3), None, None]);
        for length in 0..whole.len() {
            // Nothing but an answer: a part may be a file without metadata.
            let _ = read(&whole[..length]);
        }
        assert_eq!(read(b""), None);
        assert_eq!(read(&[0xff; 64]), None);
        assert_eq!(read(b"PK\x03\x04 an archive"), None);
    }
}
