//! The largest batch that fits.

use std::ops::RangeInclusive;

/// The largest number of images in `range` whose batches take no more than `budget`; `needed` says how many bytes they take, and whether
/// some maps are made again rather than kept. `None` if none does.
///
/// More images take more, but for one place: where plans begin to make maps again, they take less than with one image fewer. So both
/// sides of it are searched, the one with more images first.
///
/// # Errors
/// Those of `needed`.
pub(crate) fn largest<E>(
    range: RangeInclusive<usize>,
    budget: u64,
    mut needed: impl FnMut(usize) -> Result<(u64, bool), E>,
) -> Result<Option<usize>, E> {
    let (least, most) = range.into_inner();
    let keeps = last(least..=most, |images| Ok(!needed(images)?.1))?;
    let mut fits = |images: usize| Ok(needed(images)?.0 <= budget);
    let sparing = keeps.map_or(least, |keeps| keeps + 1);
    if let Some(found) = last(sparing..=most, &mut fits)? {
        return Ok(Some(found));
    }
    keeps.map_or(Ok(None), |keeps| last(least..=keeps, &mut fits))
}

/// The last of a range that `holds`, which from some place on none does; `None` if the first does not.
fn last<E>(
    range: RangeInclusive<usize>,
    mut holds: impl FnMut(usize) -> Result<bool, E>,
) -> Result<Option<usize>, E> {
    let (mut low, end) = range.into_inner();
    if low > end || !holds(low)? {
        return Ok(None);
    }
    let mut high = end + 1;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(Some(low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    proptest! {
        #[test]
        fn nothing_larger_fits(
            least in 1usize..3, most in 1usize..2_000, sparing in 1usize..3_000, budget in 0u64..20_000,
            (all, less, fixed) in (1u64..10, 1u64..10, 0u64..500),
        ) {
            let needed = |images: usize| {
                let again = images >= sparing;
                (fixed + images as u64 * if again { all.min(less) } else { all }, again)
            };
            let found = largest(least..=most, budget, |images| Ok::<_, Infallible>(needed(images))).unwrap();
            prop_assert_eq!(found, (least..=most).rev().find(|&images| needed(images).0 <= budget));
        }
    }
}
