//! What transforms make of a data set's images, to be looked at: do the labels still hold?

mod sheet;

pub use sheet::fitted;

use std::collections::{HashMap, HashSet};

use ocelli_kernels::random::{Stream, hash};

use crate::dataset::class_names;
use crate::transforms::{
    Compiled, Key, Normalize, ToImage, Transform, Workspace, check, run_to_image, steps_on_bytes,
};
use crate::{DataError, Dataset, Image, ImageView};

/// What a preview shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PreviewOptions {
    /// Images, drawn from all, of different classes as far as there are. Default: 4.
    pub images: usize,
    /// Versions of each, as the first epochs of training see them. Default: 8.
    pub versions: usize,
    /// The seed: that of the recipe, for the versions that training sees. Default: 1.
    pub seed: u64,
    /// The side of the square that each picture is made to fit, in pixels. Default: 96.
    pub side: usize,
}

impl Default for PreviewOptions {
    fn default() -> Self {
        Self { images: 4, versions: 8, seed: 1, side: 96 }
    }
}

/// Most pixels of a preview: its sheet must fit the memory, and the programs that show pictures.
const MAX_PIXELS: usize = 1 << 27;

/// What transforms make of some images: each alone, and all together.
#[derive(Clone, PartialEq, Debug)]
pub struct Preview {
    /// A section for each transform, and one for all of them at the end.
    pub sections: Vec<Section>,
    side: usize,
}

/// What one transform, or all of them, make of some images.
#[derive(Clone, PartialEq, Debug)]
pub struct Section {
    /// The transform; `None` stands for all of them.
    pub transform: Option<Transform>,
    /// An image each.
    pub rows: Vec<Row>,
}

impl Section {
    /// The transform's name, or `all of them`.
    pub fn name(&self) -> &'static str {
        self.transform.as_ref().map_or("all of them", Transform::name)
    }
}

/// An image and versions of it, RGB, each fitted into the preview's square: made smaller smoothly, larger by whole factors.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// What the image is called.
    pub name: String,
    /// The name of its class.
    pub class: String,
    /// The image, with what comes before the transform and is always the same done to it.
    pub original: Image,
    /// What comes out: one version where nothing is left to chance.
    pub versions: Vec<Image>,
}

/// Shows what each transform of `transforms` makes of images of `dataset`, and at the end what all of them make together.
///
/// A transform alone is shown on images to which the fixed transforms before it have been done, such as `Resize`, and draws
/// the random numbers that it draws in its list. Those that change no pixels to look at, as `Normalize`, are left out.
///
/// # Errors
/// If the transforms are wrong, no image can be loaded, one cannot be transformed, or so many pictures do not fit one sheet.
pub fn preview(
    dataset: &dyn Dataset,
    transforms: &[Transform],
    options: &PreviewOptions,
) -> Result<Preview, DataError> {
    check(transforms)?;
    let lists = lists(transforms);
    check_size(&lists, options)?;
    let mut sections: Vec<Section> =
        lists.iter().map(|list| Section { transform: list.alone.clone(), rows: Vec::new() }).collect();
    let (mut shown, mut failed) = (0, None);
    for index in indices(dataset, options) {
        if shown == options.images {
            break;
        }
        match dataset.load(index) {
            Ok(image) => {
                for (list, section) in lists.iter().zip(&mut sections) {
                    section.rows.push(list.row(dataset, index, image.view(), options)?);
                }
                shown += 1;
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match failed {
        _ if shown > 0 => Ok(Preview { sections, side: options.side }),
        Some(error) => Err(error),
        None => Err(DataError::invalid("preview", "there is no image to show")),
    }
}

fn check_size(lists: &[List], options: &PreviewOptions) -> Result<(), DataError> {
    let PreviewOptions { images, versions, side, .. } = *options;
    let pixels = [images, versions.saturating_add(1), side, side]
        .into_iter()
        .fold(lists.len(), |pixels, factor| pixels.saturating_mul(factor));
    if (1..=MAX_PIXELS).contains(&pixels) {
        return Ok(());
    }
    let reason = format!(
        "{} transforms of {images} images in {versions} versions of {side}×{side} pixels make {pixels} pixels, but a \
         sheet has 1 to {MAX_PIXELS}: take fewer images or versions, or smaller ones",
        lists.len()
    );
    Err(DataError::invalid("preview", reason))
}

/// Indices of images in random order, those of different classes first; of very many not all.
fn indices(dataset: &dyn Dataset, options: &PreviewOptions) -> Vec<usize> {
    let count = u32::try_from(dataset.len()).unwrap_or(u32::MAX);
    let mut stream = Stream::new(options.seed, hash("ocelli.preview"), 0, 0);
    let draws = if count == 0 { 0 } else { options.images.saturating_mul(20).max(1000) };
    let mut seen = HashSet::new();
    let drawn = (0..draws).map(|_| stream.below(count) as usize).filter(|&index| seen.insert(index));
    let mut of_class: HashMap<u32, u32> = HashMap::new();
    let mut found: Vec<(u32, usize)> = drawn
        .map(|index| {
            let before = of_class.entry(dataset.label(index)).or_default();
            *before += 1;
            (*before, index)
        })
        .collect();
    found.sort_by_key(|&(before, _)| before);
    found.into_iter().map(|(_, index)| index).collect()
}

/// Transforms to be shown: one of a list, or all of it.
struct List {
    alone: Option<Transform>,
    /// What is always the same and comes before.
    fixed: Vec<Transform>,
    /// That, and what is shown.
    all: Vec<Transform>,
}

/// Each transform that changes pixels, and all of them. Random ones that do not take part are replaced by one that does
/// nothing: random numbers are drawn by place.
fn lists(transforms: &[Transform]) -> Vec<List> {
    let fixed = |transform: &Transform| {
        if transform.is_deterministic() { transform.clone() } else { ToImage::default().into() }
    };
    let bytes = steps_on_bytes(transforms);
    let changes_pixels = |place: usize| place < bytes || !transforms[place].is_deterministic();
    let mut lists = Vec::new();
    for (place, transform) in transforms.iter().enumerate().filter(|(place, _)| changes_pixels(*place)) {
        let fixed: Vec<Transform> = transforms[..place].iter().map(fixed).collect();
        let all = fixed.iter().chain([transform]).cloned().collect();
        lists.push(List { alone: Some(transform.clone()), fixed, all });
    }
    lists.push(List { alone: None, fixed: Vec::new(), all: transforms.to_vec() });
    lists
}

impl List {
    fn row(
        &self,
        dataset: &dyn Dataset,
        index: usize,
        image: ImageView<'_>,
        options: &PreviewOptions,
    ) -> Result<Row, DataError> {
        let mut workspace = Workspace::default();
        let mut version = |list: &[Transform], epoch: usize| {
            let key = Key { seed: options.seed, epoch: epoch as u64, sample: index as u64 };
            Ok(sheet::fitted(&transformed(list, image, key, &mut workspace)?, options.side))
        };
        let versions = if self.all.iter().all(Transform::is_deterministic) { 1 } else { options.versions };
        let class = class_names(dataset, index);
        Ok(Row {
            name: dataset.name(index).into_owned(),
            class,
            original: version(&self.fixed, 0)?,
            versions: (0..versions)
                .map(|epoch| version(&self.all, epoch))
                .collect::<Result<_, DataError>>()?,
        })
    }
}

/// What a network would be shown, as an image again.
fn transformed(
    transforms: &[Transform],
    image: ImageView<'_>,
    key: Key,
    workspace: &mut Workspace,
) -> Result<Image, DataError> {
    let bytes = run_to_image(&transforms[..steps_on_bytes(transforms)], 0, image, key, workspace)?;
    if steps_on_bytes(transforms) == transforms.len() {
        return Ok(bytes);
    }
    let (height, width, channels) = (bytes.height(), bytes.width(), bytes.channels());
    let mut list = transforms.to_vec();
    // Where the data's mean and std are not known yet, any will do to look at.
    let (mut mean, mut std) = (vec![0.0; channels], vec![1.0; channels]);
    for transform in &mut list {
        if let Transform::Normalize(Normalize { mean: its_mean, std: its_std }) = transform {
            mean = its_mean.get_or_insert_with(|| vec![0.5; channels]).clone();
            std = its_std.get_or_insert_with(|| vec![0.25; channels]).clone();
        }
    }
    let mut numbers = vec![0.0; height * width * channels];
    Compiled::new(&list, (height, width, channels))?.run(image, key, workspace, &mut numbers)?;
    let byte = |(i, value): (usize, &f32)| {
        let c = i % channels;
        (255.0 * (value * std[c] + mean[c])).round().clamp(0.0, 255.0) as u8
    };
    Ok(Image::new(height, width, channels, numbers.iter().enumerate().map(byte).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::MemoryDataset;

    fn dataset() -> MemoryDataset {
        let pixels = (0..5).flat_map(|i| vec![i * 50; 8 * 6 * 3]).collect();
        MemoryDataset::new("five", vec!["a".into(), "b".into()], vec![0, 1, 0, 1, 0], (8, 6, 3), pixels)
            .unwrap()
    }

    fn list(text: &str) -> Vec<Transform> {
        serde_json::from_str(text).unwrap()
    }

    /// The first byte of an image.
    fn first(image: &Image) -> u8 {
        image.pixels()[0]
    }

    #[test]
    fn every_transform_has_a_section_and_all_have_one() {
        let transforms = list(
            r#"[{ "type": "Resize", "size": 12 }, { "type": "RandomCrop", "size": 10 }, { "type": "RandomInvert", "p": 1.0 },
                { "type": "Normalize" }, { "type": "RandomErasing", "p": 1.0 }]"#,
        );
        let options = PreviewOptions { images: 3, versions: 2, seed: 4, side: 20 };
        let sections = preview(&dataset(), &transforms, &options).unwrap().sections;
        let names: Vec<&str> = sections.iter().map(Section::name).collect();
        assert_eq!(names, ["Resize", "RandomCrop", "RandomInvert", "RandomErasing", "all of them"]);
        for section in &sections {
            assert_eq!(section.rows.len(), 3);
            let versions = if section.name() == "Resize" { 1 } else { 2 };
            assert!(section.rows.iter().all(|row| row.versions.len() == versions));
        }
        assert_eq!((sections[0].rows[0].original.height(), sections[0].rows[0].original.width()), (16, 12));
        let invert = &sections[2].rows[0];
        assert_eq!((invert.original.height(), invert.original.width()), (16, 12), "resized, not cropped");
        assert_eq!(first(&invert.versions[0]), !first(&invert.original));
        let erasing = &sections[3].rows[0];
        assert_eq!(first(&erasing.original), first(&invert.original), "not inverted");
        let all = &sections[4].rows[0];
        assert_eq!((all.versions[0].height(), all.versions[0].width()), (20, 20), "10×10, twice as large");
        for (shown, shade) in [(erasing, first(&erasing.original)), (all, !first(&all.original))] {
            let pixels = shown.versions[0].pixels();
            let erased = pixels.iter().filter(|byte| byte.abs_diff(shade) > 1).count();
            assert!(
                erased > 0 && erased < pixels.len() && pixels.contains(&128),
                "{erased} numbers are erased"
            );
        }
    }

    #[test]
    fn what_is_shown_alone_is_what_training_draws() {
        let data =
            MemoryDataset::new("one", vec!["a".into()], vec![0], (16, 16, 1), (0..=255).collect()).unwrap();
        let show = |transforms: &str| {
            let options = PreviewOptions { images: 1, versions: 6, seed: 4, side: 16 };
            preview(&data, &list(transforms), &options).unwrap().sections
        };
        let sections =
            show(r#"[{ "type": "RandomErasing", "p": 0.0 }, { "type": "RandomRotation", "degrees": 90 }]"#);
        assert_eq!(sections[1].rows[0].versions, sections[2].rows[0].versions);
        let sections = show(r#"[{ "type": "RandomRotation", "degrees": 90 }]"#);
        assert_ne!(sections[0].rows[0].versions[0], sections[0].rows[0].versions[1]);
        let sections = show(r#"[{ "type": "CenterCrop", "size": 8 }]"#);
        assert!(
            sections.iter().all(|section| section.rows[0].versions.len() == 1),
            "nothing is left to chance"
        );
    }

    #[test]
    fn images_are_of_different_classes_first() {
        let show = |images| {
            let options = PreviewOptions { images, versions: 1, ..PreviewOptions::default() };
            let mut shown = preview(&dataset(), &[], &options).unwrap();
            let rows = shown.sections.remove(0).rows;
            rows.into_iter().map(|row| row.class).collect::<Vec<_>>().concat()
        };
        let two = show(2);
        assert!(two == "ab" || two == "ba", "{two}");
        assert_eq!(show(99).len(), 5, "there are no more");
    }

    #[test]
    fn what_cannot_be_shown_is_an_error() {
        let show = |transforms: &str, options: PreviewOptions| {
            preview(&dataset(), &list(transforms), &options).unwrap_err().to_string()
        };
        let few = PreviewOptions::default();
        assert!(show(r#"[{ "type": "RandomCrop", "size": 99 }]"#, few).contains("RandomCrop"));
        for options in [
            PreviewOptions { images: 0, ..few },
            PreviewOptions { side: 0, ..few },
            PreviewOptions { images: usize::MAX, versions: usize::MAX, ..few },
        ] {
            assert!(show("[]", options).contains("sheet"));
        }
    }
}
