//! The size of the network's input, and the lists of transforms that bring images to it.

use crate::recipe::{RecipeError, TransformsSection};
use ocelli_data::transforms::Normalize;
use ocelli_data::{AdaptiveOptions, Extent, Pipeline, Transform};
use ocelli_nn::Pair;

/// The longest side at which images that all have one size keep it; others are brought to this square.
const USUAL_SIDE: usize = 64;

/// The height and width of the network's input: as the recipe says, as one of its lists makes them, or as suits the images.
pub(super) fn size(transforms: &TransformsSection, images: Extent, made_for: Option<Pair>) -> [usize; 2] {
    let given = [&transforms.train, &transforms.eval].into_iter().flatten();
    let made = given.filter_map(|list| output_size(list, images)).next();
    let size = transforms.size.or(made.map(|(height, width)| [height, width]));
    size.unwrap_or_else(|| usual_size(images, made_for))
}

/// Images that all have one size of at most [`USUAL_SIDE`] keep it, or grow to the size that the network was made for
/// where that is larger and within the same bounds: pooling then loses no edges.
fn usual_size(extent: Extent, made_for: Option<Pair>) -> [usize; 2] {
    if !extent.uniform || extent.height.max(extent.width) > USUAL_SIDE {
        return [USUAL_SIDE, USUAL_SIDE];
    }
    match made_for.filter(|size| size.height.max(size.width) <= USUAL_SIDE) {
        Some(size) if extent.height <= size.height && extent.width <= size.width => [size.height, size.width],
        _ => [extent.height, extent.width],
    }
}

/// The recipe's lists of transforms; those that it leaves out are made for the images, and normalise as the other does.
///
/// # Errors
/// A list does not make images of `size`, or the two do not normalise alike.
pub(super) fn lists(
    given: &TransformsSection,
    images: Extent,
    size: [usize; 2],
) -> Result<Pipeline, RecipeError> {
    let [height, width] = size;
    let usual = Pipeline::adaptive(&AdaptiveOptions { images, height, width, augment: given.augment });
    let mut train = given.train.clone().unwrap_or(usual.train);
    let mut eval = given.eval.clone().unwrap_or(usual.eval);
    match (&given.train, &given.eval) {
        (Some(_), None) => normalise_alike(&train, &mut eval),
        (None, Some(_)) => normalise_alike(&eval, &mut train),
        _ => {}
    }
    check_normalisation(given, &train, &eval)?;
    check_size(given, "train", output_size(&train, images), size)?;
    // Images to predict on come in any size, even where all images here have the network's.
    if made_of(&eval, None).is_none() {
        eval.insert(0, Transform::resize((height, width)));
    }
    check_size(given, "eval", made_of(&eval, None), size)?;
    Ok(Pipeline { train, eval })
}

/// The channels that the lists make of images with `channels`.
///
/// # Errors
/// The two lists differ, one having a `Grayscale` that the other has not.
pub(super) fn channels(pipeline: &Pipeline, channels: usize) -> Result<usize, RecipeError> {
    let made = |list: &[Transform]| list.iter().fold(channels, |channels, t| t.output_channels(channels));
    let (train, eval) = (made(&pipeline.train), made(&pipeline.eval));
    if train == eval {
        return Ok(train);
    }
    Err(RecipeError::OutOfRange {
        key: "transforms.eval".into(),
        problem: format!(
            "makes images of {eval} channels, but transforms.train makes {train}: give both the same Grayscale, \
             or set transforms.channels instead"
        ),
    })
}

/// The height and width that a list makes of the images; `None` stands for sizes that vary.
fn output_size(list: &[Transform], images: Extent) -> Option<(usize, usize)> {
    made_of(list, images.uniform.then_some((images.height, images.width)))
}

fn made_of(list: &[Transform], size: Option<(usize, usize)>) -> Option<(usize, usize)> {
    list.iter().fold(size, |size, transform| transform.output_size(size))
}

/// Gives the list that was made the mean and std of the one that was given, where that says them.
fn normalise_alike(given: &[Transform], made: &mut [Transform]) {
    if let (Some(theirs), Some(Transform::Normalize(ours))) = (Normalize::of(given), made.last_mut()) {
        ours.clone_from(theirs);
    }
}

/// A network sees in evaluation what it was trained on: the same mean and std.
fn check_normalisation(
    given: &TransformsSection,
    train: &[Transform],
    eval: &[Transform],
) -> Result<(), RecipeError> {
    let lacks = |name: &str, other: &str, other_is_given: bool| {
        let has = if other_is_given { "has" } else { "is left out and gets" };
        let problem = format!(
            "has no Normalize, but transforms.{other} {has} one: end the list with {{type=\"Normalize\"}}, \
             or give both lists without"
        );
        Err(RecipeError::OutOfRange { key: format!("transforms.{name}"), problem })
    };
    match (Normalize::of(train), Normalize::of(eval)) {
        (None, Some(_)) => lacks("train", "eval", given.eval.is_some()),
        (Some(_), None) => lacks("eval", "train", given.train.is_some()),
        (Some(train), Some(eval)) if train != eval => Err(RecipeError::OutOfRange {
            key: "transforms.eval".into(),
            problem: "normalises by another mean or std than transforms.train: give both the same".into(),
        }),
        _ => Ok(()),
    }
}

/// Checks that a list makes images of the network's size.
fn check_size(
    given: &TransformsSection,
    name: &str,
    made: Option<(usize, usize)>,
    [height, width]: [usize; 2],
) -> Result<(), RecipeError> {
    if made == Some((height, width)) {
        return Ok(());
    }
    let made = made.map_or("images of several sizes".into(), |(h, w)| format!("{h}×{w} images"));
    let needed = match (given.size, &given.train) {
        (Some(_), _) => format!("transforms.size is {height}×{width}"),
        (None, Some(_)) if name == "eval" => format!("transforms.train makes {height}×{width}"),
        _ => format!("the network needs {height}×{width}"),
    };
    let mend = "bring both lists to one size, or leave out the list or the size that the rest is to decide";
    Err(RecipeError::OutOfRange {
        key: format!("transforms.{name}"),
        problem: format!("makes {made}, but {needed}: {mend}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(height: usize, width: usize, uniform: bool) -> Extent {
        Extent { channels: 1, height, width, uniform }
    }

    /// The size and the lists for images of 28×28 pixels and a network made for 32×32.
    fn made(given: &TransformsSection) -> Result<([usize; 2], Pipeline), String> {
        let images = images(28, 28, true);
        let size = size(given, images, Some(Pair::square(32)));
        lists(given, images, size).map(|pipeline| (size, pipeline)).map_err(|error| error.to_string())
    }

    fn train(list: Vec<Transform>) -> TransformsSection {
        TransformsSection { train: Some(list), ..TransformsSection::default() }
    }

    #[test]
    fn small_images_keep_their_size_or_grow_to_the_networks() {
        let (lesson, resnet) = (Some(Pair::square(32)), Some(Pair::square(224)));
        assert_eq!(usual_size(images(28, 28, true), lesson), [32, 32]);
        assert_eq!(usual_size(images(28, 28, true), resnet), [28, 28]);
        assert_eq!(usual_size(images(28, 28, true), None), [28, 28]);
        assert_eq!(usual_size(images(48, 64, true), lesson), [48, 64]);
        assert_eq!(usual_size(images(65, 64, true), lesson), [64, 64]);
        assert_eq!(usual_size(images(28, 28, false), lesson), [64, 64]);
    }

    #[test]
    fn a_list_decides_the_size_that_is_left_out() {
        let crop = |size: usize| vec![Transform::random_crop(size, 0), Transform::normalize()];
        let (size, pipeline) = made(&train(crop(24))).unwrap();
        assert_eq!((size, &pipeline.eval[0]), ([24, 24], &Transform::resize((24, 24))));
        assert_eq!(made(&train(vec![Transform::normalize()])).unwrap().0, [28, 28]);
        let eval = Some(vec![Transform::resize(20), Transform::normalize()]);
        let (size, pipeline) = made(&TransformsSection { eval, ..TransformsSection::default() }).unwrap();
        assert_eq!((size, made_of(&pipeline.eval, None)), ([20, 20], Some((20, 20))));
        assert_eq!(made(&TransformsSection::default()).unwrap().0, [32, 32]);
    }

    #[test]
    fn a_list_of_another_size_is_refused_by_name() {
        let list = vec![Transform::resize((24, 24)), Transform::normalize()];
        let given = TransformsSection { size: Some([48, 48]), ..train(list.clone()) };
        let said = made(&given).unwrap_err();
        assert!(
            said.starts_with("transforms.train makes 24×24 images, but transforms.size is 48×48"),
            "{said}"
        );
        let other = vec![Transform::center_crop((20, 20)), Transform::normalize()];
        let said = made(&TransformsSection { eval: Some(other), ..train(list) }).unwrap_err();
        assert!(said.starts_with("transforms.eval makes 20×20 images, but transforms.train makes 24×24"));
        let given = train(vec![Transform::resize(24), Transform::normalize()]);
        let said = lists(&given, images(99, 80, false), [64, 64]).unwrap_err().to_string();
        assert!(said.starts_with("transforms.train makes images of several sizes, but"), "{said}");
    }

    #[test]
    fn both_lists_normalise_alike() {
        let known = Transform::normalize_with(&[0.5], &[0.25]);
        let (_, pipeline) = made(&train(vec![known.clone()])).unwrap();
        assert_eq!(pipeline.eval.last(), Some(&known), "the list that is made follows the one that is given");
        let said = made(&train(vec![])).unwrap_err();
        assert!(said.starts_with("transforms.train has no Normalize"), "{said}");
        let eval = TransformsSection { eval: Some(vec![]), ..TransformsSection::default() };
        assert!(made(&eval).unwrap_err().starts_with("transforms.eval has no Normalize"));
        assert!(made(&TransformsSection { eval: Some(vec![]), ..train(vec![]) }).is_ok(), "both without");
        let said =
            made(&TransformsSection { eval: Some(vec![known]), ..train(vec![Transform::normalize()]) });
        assert!(said.unwrap_err().contains("another mean or std"));
    }
}
