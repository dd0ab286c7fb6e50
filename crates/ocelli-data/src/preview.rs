//! What transforms make of a data set's images, to be looked at: do the labels still hold?

use ocelli_kernels::random::{Stream, hash};

use crate::transforms::functional::{self, Resizer, Resizing};
use crate::transforms::{
    Compiled, Interpolation, Key, Normalize, Transform, Workspace, check, run_to_image, steps_on_bytes,
};
use crate::{DataError, Dataset, Image, ImageView};

/// What a preview shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PreviewOptions {
    /// Images, drawn from all. Default: 4.
    pub images: usize,
    /// Versions of each, as the first epochs of training see them. Default: 8.
    pub versions: usize,
    /// The seed: that of the recipe, for the versions that training sees. Default: 1.
    pub seed: u64,
}

impl Default for PreviewOptions {
    fn default() -> Self {
        Self { images: 4, versions: 8, seed: 1 }
    }
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

/// An image and versions of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// What the image is called.
    pub name: String,
    /// The name of its class.
    pub class: String,
    /// The image, with what comes before the transform and is always the same done to it.
    pub original: Image,
    /// What comes out.
    pub versions: Vec<Image>,
}

/// Shows what each transform of `transforms` makes of images of `dataset`, and at the end what all of them make together.
///
/// A transform alone is shown on images to which the fixed transforms before it have been done, such as `Resize`. Those
/// that change no pixels to look at, as `Normalize`, are left out.
///
/// # Errors
/// If the transforms are wrong, no image can be loaded, or one cannot be transformed.
pub fn preview(
    dataset: &dyn Dataset,
    transforms: &[Transform],
    options: &PreviewOptions,
) -> Result<Vec<Section>, DataError> {
    check(transforms)?;
    let images = chosen(dataset, options)?;
    let mut workspace = Workspace::default();
    let mut sections = Vec::new();
    for (place, transform) in transforms[..steps_on_bytes(transforms)].iter().enumerate() {
        let before: Vec<Transform> =
            transforms[..place].iter().filter(|before| before.is_deterministic()).cloned().collect();
        let versions = if transform.is_deterministic() { 1 } else { options.versions };
        let rows = images.iter().map(|(index, image)| {
            let original = run_to_image(&before, 0, image.view(), Key::default(), &mut workspace)?;
            let version = |epoch: usize| {
                let key = Key { seed: options.seed, epoch: epoch as u64, sample: *index as u64 };
                let alone = std::slice::from_ref(transform);
                run_to_image(alone, place, original.view(), key, &mut workspace)
            };
            let versions = (0..versions).map(version).collect::<Result<_, _>>()?;
            Ok(row(dataset, *index, original, versions))
        });
        let rows = rows.collect::<Result<_, DataError>>()?;
        sections.push(Section { transform: Some(transform.clone()), rows });
    }
    let rows = images.iter().map(|(index, image)| {
        let version = |epoch: usize| {
            let key = Key { seed: options.seed, epoch: epoch as u64, sample: *index as u64 };
            all_together(transforms, image.view(), key, &mut workspace)
        };
        let versions = (0..options.versions).map(version).collect::<Result<_, _>>()?;
        Ok(row(dataset, *index, image.clone(), versions))
    });
    let rows = rows.collect::<Result<_, DataError>>()?;
    sections.push(Section { transform: None, rows });
    Ok(sections)
}

/// Images that can be loaded, in random order, with their indices.
fn chosen(dataset: &dyn Dataset, options: &PreviewOptions) -> Result<Vec<(usize, Image)>, DataError> {
    let count = u32::try_from(dataset.len()).unwrap_or(u32::MAX);
    if count == 0 || options.images == 0 {
        return Err(DataError::invalid("preview", "there is no image to show"));
    }
    let mut stream = Stream::new(options.seed, hash("ocelli.preview"), 0, 0);
    let (mut found, mut seen, mut failed) = (Vec::new(), std::collections::HashSet::new(), None);
    // Some images may not be loadable: of very many, not all are tried.
    for _ in 0..options.images.saturating_mul(20) {
        let index = stream.below(count) as usize;
        if found.len() == options.images || seen.len() == count as usize {
            break;
        }
        if !seen.insert(index) {
            continue;
        }
        match dataset.load(index) {
            Ok(image) => found.push((index, image)),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match failed {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

fn row(dataset: &dyn Dataset, index: usize, original: Image, versions: Vec<Image>) -> Row {
    let class = dataset.classes().get(dataset.label(index) as usize).cloned().unwrap_or_default();
    Row { name: dataset.name(index).into_owned(), class, original, versions }
}

/// What a network would be shown, as an image again.
fn all_together(
    transforms: &[Transform],
    image: ImageView<'_>,
    key: Key,
    workspace: &mut Workspace,
) -> Result<Image, DataError> {
    let bytes = run_to_image(&transforms[..steps_on_bytes(transforms)], 0, image, key, workspace)?;
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

/// All sections below each other as one RGB picture: in each row the original and, set apart, its versions, in squares of
/// `side` pixels.
pub fn sheet(sections: &[Section], side: usize) -> Image {
    const GAP: usize = 4;
    const APART: usize = 16;
    const GROUND: u8 = 255;
    let rows: usize = sections.iter().map(|section| section.rows.len()).sum();
    let most = sections.iter().flat_map(|s| &s.rows).map(|row| row.versions.len()).max().unwrap_or(0);
    let width = APART + (most + 1) * (side + GAP) + APART;
    let height = rows * (side + GAP) + (sections.len() + 1) * APART;
    let mut pixels = vec![GROUND; height * width * 3];
    let mut top = APART;
    for section in sections {
        for row in &section.rows {
            for (column, image) in std::iter::once(&row.original).chain(&row.versions).enumerate() {
                let left = APART / 2 + column * (side + GAP) + if column > 0 { APART } else { 0 };
                place(&mut pixels, width, (top, left), &fitted(image, side), side);
            }
            top += side + GAP;
        }
        top += APART;
    }
    Image::new(height, width, 3, pixels)
}

/// The image within a square of `side` pixels: made smaller smoothly, larger by whole factors.
pub fn fitted(image: &Image, side: usize) -> Image {
    let longer = image.height().max(image.width()).max(1);
    let (height, width, interpolation) = if longer <= side {
        let factor = side / longer;
        (image.height() * factor, image.width() * factor, Interpolation::Nearest)
    } else {
        let fit = |length: usize| (length * side / longer).max(1);
        (fit(image.height()), fit(image.width()), Interpolation::Bilinear)
    };
    let mut target = Image::default();
    let resizing = Resizing { height, width, interpolation, antialias: true };
    Resizer::default().resize(image.view(), resizing, &mut target);
    if target.channels() == 1 {
        functional::grayscale(&mut target, 3);
    }
    target
}

/// Copies an RGB image into the middle of a square of the sheet.
fn place(pixels: &mut [u8], width: usize, (top, left): (usize, usize), image: &Image, side: usize) {
    let (down, right) = ((side - image.height()) / 2, (side - image.width()) / 2);
    for (y, row) in image.pixels().chunks_exact(image.width() * 3).enumerate() {
        let at = ((top + down + y) * width + left + right) * 3;
        pixels[at..at + row.len()].copy_from_slice(row);
    }
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

    #[test]
    fn every_transform_has_a_section_and_all_have_one() {
        let transforms = list(
            r#"[{ "type": "Resize", "size": 12 }, { "type": "RandomCrop", "size": 10 }, { "type": "RandomInvert", "p": 1.0 },
                { "type": "Normalize" }, { "type": "RandomErasing", "p": 1.0 }]"#,
        );
        let options = PreviewOptions { images: 3, versions: 2, seed: 4 };
        let sections = preview(&dataset(), &transforms, &options).unwrap();
        let names: Vec<&str> = sections.iter().map(Section::name).collect();
        assert_eq!(names, ["Resize", "RandomCrop", "RandomInvert", "all of them"]);
        for section in &sections {
            assert_eq!(section.rows.len(), 3);
            let versions = if section.name() == "Resize" { 1 } else { 2 };
            assert!(section.rows.iter().all(|row| row.versions.len() == versions));
        }
        let invert = &sections[2].rows[0];
        assert_eq!(
            (invert.original.height(), invert.original.width()),
            (16, 12),
            "resized, not cropped at random"
        );
        assert_eq!(invert.versions[0].pixels()[0], !invert.original.pixels()[0]);
        let all = &sections[3].rows[0];
        assert_eq!((all.versions[0].height(), all.versions[0].width()), (10, 10));
        let inverted = !all.original.pixels()[0];
        let erased = all.versions[0].pixels().iter().filter(|byte| byte.abs_diff(inverted) > 1).count();
        assert!(
            erased > 0 && erased < 300 && all.versions[0].pixels().contains(&128),
            "{erased} numbers are erased"
        );

        let picture = sheet(&sections, 20);
        assert_eq!((picture.height(), picture.channels()), (12 * 24 + 5 * 16, 3));
        assert!(preview(&dataset(), &list(r#"[{ "type": "RandomCrop", "size": 99 }]"#), &options).is_err());
    }

    #[test]
    fn images_fit_their_squares() {
        for (height, width, side, expected) in
            [(5, 3, 20, (20, 12)), (40, 10, 20, (20, 5)), (1, 900, 20, (1, 20))]
        {
            let made = fitted(&Image::new(height, width, 1, vec![9; height * width]), side);
            assert_eq!((made.height(), made.width(), made.channels()), (expected.0, expected.1, 3));
        }
    }
}
