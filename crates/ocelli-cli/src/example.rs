//! An image to try a new model on.

use image::ColorType;
use ocelli::data::Dataset;
use std::path::{Path, PathBuf};

/// The first image of `images` as a file: its own, or, where it lies in a file with others, a PNG of it in `folder` that
/// bears its class in its name. `None` if it cannot be had: it is a courtesy.
pub(crate) fn image(images: &dyn Dataset, folder: &Path) -> Option<PathBuf> {
    if images.is_empty() {
        return None;
    }
    if let Some(path) = images.path(0) {
        return Some(path.to_path_buf());
    }
    let class = images.classes().get(images.label(0) as usize)?;
    let name: String =
        class.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let path = folder.join(format!("example-{name}.png"));
    let image = images.load(0).ok()?;
    let color = if image.channels() == 1 { ColorType::L8 } else { ColorType::Rgb8 };
    let (width, height) = (u32::try_from(image.width()).ok()?, u32::try_from(image.height()).ok()?);
    image::save_buffer(&path, image.pixels(), width, height, color).ok()?;
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::image;
    use ocelli::data::dataset::MemoryDataset;

    #[test]
    fn an_image_without_a_file_gets_one() {
        let folder = tempfile::tempdir().unwrap();
        let classes = vec!["T-shirt/top".to_string()];
        let images = MemoryDataset::new("m", classes, vec![0], (2, 3, 1), vec![9; 6]).unwrap();
        let path = image(&images, folder.path()).unwrap();
        assert_eq!(path, folder.path().join("example-t-shirt-top.png"));
        let read = ::image::open(path).unwrap();
        assert_eq!((read.height(), read.width(), read.as_bytes()), (2, 3, &[9; 6][..]));
    }
}
