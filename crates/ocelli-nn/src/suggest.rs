//! The name that was probably meant.

/// The candidate nearest to `name`, if one is near enough to be a slip of the hand: at most a third of its
/// letters changed, added, left out or swapped, and one at least. Upper and lower case count as the same.
///
/// ```
/// use ocelli_nn::suggest::nearest;
///
/// assert_eq!(nearest("kernal_size", ["kernel_size", "stride"]), Some("kernel_size"));
/// assert_eq!(nearest("colour", ["kernel_size", "stride"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let allowed = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&name, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// "; did you mean x?", or nothing if no candidate is near.
pub(crate) fn hint<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_nothing_else() {
        assert_eq!(nearest("relu", ["ReLU", "Flatten"]), Some("ReLU"));
        assert_eq!(nearest("conv2", ["Conv2d", "Linear"]), Some("Conv2d"));
        assert_eq!(nearest("", ["Add"]), None);
        assert_eq!(hint("Sigmoid", ["ReLU"]), "");
    }
}
