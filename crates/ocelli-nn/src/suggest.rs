//! The name that was probably meant.

/// Longer names are not compared: the time grows with the square of the length, and names come from files.
const LONGEST: usize = 256;

/// The candidate nearest to `name`, if one is near enough to be a slip of the hand: at most a third of the longer
/// one's letters changed, added, left out or swapped, case and the difference between `-` and `_` aside.
///
/// ```
/// use ocelli_nn::suggest::nearest;
///
/// assert_eq!(nearest("kernal_size", ["kernel_size", "stride"]), Some("kernel_size"));
/// assert_eq!(nearest("colour", ["kernel_size", "stride"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let name = plain(name);
    let near = |candidate: &'a str| {
        let other = plain(candidate);
        let longer = name.chars().count().max(other.chars().count());
        let distance = (longer <= LONGEST).then(|| strsim::osa_distance(&name, &other))?;
        (distance * 3 <= longer.max(3)).then_some((distance, candidate))
    };
    candidates
        .into_iter()
        .filter_map(near)
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
        assert_eq!(nearest("lesson_bn", ["lesson", "lesson-bn"]), Some("lesson-bn"));
        assert_eq!(nearest("", ["Add"]), None);
        assert_eq!(nearest(&"a".repeat(100_000), [&*"a".repeat(100_000)]), None);
        assert_eq!(hint("Sigmoid", ["ReLU"]), "");
    }
}
