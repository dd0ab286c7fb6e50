//! Parameters after those that they depend on.

use super::{Parameter, SpaceError, problem};
use indexmap::IndexMap;

/// The parameters such that each comes after those that its conditions name, otherwise as they were given.
pub(super) fn sorted(
    mut given: IndexMap<String, Parameter>,
) -> Result<IndexMap<String, Parameter>, SpaceError> {
    let mut sorted: IndexMap<String, Parameter> = IndexMap::with_capacity(given.len());
    while !given.is_empty() {
        let ready = given.values().position(|parameter| {
            parameter.when.iter().all(|condition| sorted.contains_key(&condition.parameter))
        });
        let Some((name, parameter)) = ready.and_then(|index| given.shift_remove_index(index)) else {
            let name = given.keys().next().cloned().unwrap_or_default();
            let circle: Vec<&str> = given.keys().map(String::as_str).collect();
            let text =
                format!("when: goes in a circle among {}; take one of the conditions out", circle.join(", "));
            return Err(problem(&name, text));
        };
        sorted.insert(name, parameter);
    }
    Ok(sorted)
}
