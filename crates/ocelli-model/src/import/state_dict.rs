//! Finding the `state_dict` in what a file holds.

use super::pickle::{Heap, TensorView, Value, shown};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Where checkpoints keep their `state_dict`, the first that is there first.
const PLACES: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];
/// What wrappers put before every name: `DataParallel` and its kin, and `torch.compile`.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];
/// How many dictionaries deep a `state_dict` is looked for. What refers to itself is gone through 4² times at most.
const DEPTH: usize = 2;
/// How many keys an error names.
const NAMED: usize = 8;

/// The tensors of a pickled `state_dict`, or of the one that a checkpoint keeps, by name and in order. What is no tensor
/// in it is passed over.
///
/// # Errors
/// There is none; says what there is.
pub(super) fn find(heap: &Heap, root: &Value) -> Result<Vec<(String, TensorView)>, String> {
    match search(heap, root, DEPTH) {
        Some(tensors) => Ok(tensors),
        None => Err(format!("holds no state_dict: it is {}", described(heap, root))),
    }
}

fn search(heap: &Heap, value: &Value, depth: usize) -> Option<Vec<(String, TensorView)>> {
    let pairs = heap.pairs(value)?;
    let named = |name: &str| pairs.iter().find(|(key, _)| key.as_text().is_some_and(|key| &**key == name));
    let nested = || PLACES.iter().find_map(|name| search(heap, &named(name)?.1, depth.checked_sub(1)?));
    // In a state_dict names have tensors, never dictionaries of them: one that is nested is the one that is meant.
    nested().or_else(|| {
        let tensor = |(key, value): &(Value, Value)| {
            Some((key.as_text()?.to_string(), heap.tensor_of(value)?.clone()))
        };
        let tensors = last_of_each(pairs.iter().filter_map(tensor));
        (!tensors.is_empty()).then_some(tensors)
    })
}

/// A key that is set twice keeps its place and takes the later value, as in Python.
fn last_of_each(tensors: impl Iterator<Item = (String, TensorView)>) -> Vec<(String, TensorView)> {
    let mut kept: Vec<(String, TensorView)> = Vec::new();
    let mut places = HashMap::new();
    for (name, view) in tensors {
        match places.entry(name) {
            Entry::Occupied(place) => {
                let place: usize = *place.get();
                kept[place].1 = view;
            }
            Entry::Vacant(vacant) => {
                kept.push((vacant.key().clone(), view));
                vacant.insert(kept.len() - 1);
            }
        }
    }
    kept
}

fn described(heap: &Heap, root: &Value) -> String {
    let Some(pairs) = heap.pairs(root) else { return root.kind().to_string() };
    let keys: Vec<String> =
        pairs.iter().filter_map(|(key, _)| key.as_text()).take(NAMED).map(|key| shown(key)).collect();
    let more = if pairs.len() > NAMED { ", …" } else { "" };
    format!(
        "a dictionary of {} without tensors by name, nor with them under {}",
        keys.join(", ") + more,
        PLACES.join(", ")
    )
}

/// How much to take off every name: what wrappers put before it, where all names have it.
pub(super) fn wrapping<'a>(names: impl Iterator<Item = &'a str> + Clone) -> usize {
    let mut length = 0;
    let wrapper = |length: usize| {
        WRAPPERS.iter().find(|wrapper| names.clone().all(|name| name[length..].starts_with(**wrapper)))
    };
    while let Some(wrapper) = wrapper(length).filter(|_| names.clone().next().is_some()) {
        length += wrapper.len();
    }
    length
}

#[cfg(test)]
mod tests {
    use super::wrapping;

    #[test]
    fn wrappers_come_off_where_all_names_have_them() {
        let taken = |names: &[&str]| wrapping(names.iter().copied());
        assert_eq!(taken(&["module.fc.weight", "module.fc.bias"]), 7);
        assert_eq!(taken(&["module._orig_mod.a", "module._orig_mod.b"]), 17);
        assert_eq!(taken(&["module.fc.weight", "n"]), 0);
        assert_eq!(taken(&["modules.fc.weight"]), 0);
        assert_eq!(taken(&[]), 0);
    }
}
