//! A number that tells whether data is still what it was.

use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use super::Dataset;

/// A digest of a dataset: of its classes and, for each sample in order, its labels, weight and name, and of its pixels if they lie
/// in memory, else of the length of its file. No file is read, and where the data lies does not matter: data that was moved has the
/// same fingerprint, and a file that was replaced by one of the same length goes unnoticed.
pub fn fingerprint(dataset: &dyn Dataset) -> u128 {
    let mut digest = Xxh3::new();
    let text = |digest: &mut Xxh3, text: &str| {
        digest.update(&(text.len() as u64).to_le_bytes());
        digest.update(text.as_bytes());
    };
    dataset.classes().iter().for_each(|class| text(&mut digest, class));
    for index in 0..dataset.len() {
        digest.update(&dataset.label(index).to_le_bytes());
        if dataset.is_multi_label() {
            let labels = dataset.labels(index);
            digest.update(&(labels.len() as u64).to_le_bytes());
            labels.iter().for_each(|label| digest.update(&label.to_le_bytes()));
        }
        digest.update(&dataset.weight(index).to_le_bytes());
        if let Some(view) = dataset.view(index) {
            digest.update(view.pixels());
            continue;
        }
        let name = dataset.name(index);
        // What lies before it is where the data is.
        text(&mut digest, name.rsplit(['/', '\\']).next().unwrap_or(&name));
        let len = dataset.path(index).and_then(|path| Path::metadata(path).ok()).map_or(0, |file| file.len());
        digest.update(&len.to_le_bytes());
    }
    digest.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpenOptions;
    use crate::dataset::MemoryDataset;
    use std::fs;

    #[test]
    fn pixels_labels_and_classes_count() {
        let of = |classes: [&str; 2], labels: [u32; 2], pixels: [u8; 2]| {
            let classes = classes.map(String::from).to_vec();
            let set = MemoryDataset::new("m", classes, labels.to_vec(), (1, 1, 1), pixels.to_vec()).unwrap();
            fingerprint(&set)
        };
        let usual = of(["a", "b"], [0, 1], [7, 8]);
        assert_eq!(of(["a", "b"], [0, 1], [7, 8]), usual);
        for other in
            [of(["a", "c"], [0, 1], [7, 8]), of(["a", "b"], [1, 0], [7, 8]), of(["a", "b"], [0, 1], [7, 9])]
        {
            assert_ne!(other, usual);
        }
    }

    #[test]
    fn each_of_several_labels_counts() {
        let folder = tempfile::tempdir().unwrap();
        image::GrayImage::new(2, 2).save(folder.path().join("a.bmp")).unwrap();
        let of = |labels: &str| {
            let path = folder.path().join("list.csv");
            fs::write(folder.path().join("classes.txt"), "sea\npeople\nsand\n").unwrap();
            fs::write(&path, format!("path,labels\na.bmp,{labels}\na.bmp,sea\n")).unwrap();
            let options = OpenOptions { validation: 0.0, test: 0.0, ..OpenOptions::default() };
            fingerprint(&*crate::open(path.display().to_string(), &options).unwrap().train)
        };
        let usual = of("sea|people");
        assert_eq!(of("people|sea"), usual);
        assert_ne!(of("sea|sand"), usual);
        assert_ne!(of("sea"), usual);
        assert_ne!(of(""), usual);
    }

    #[test]
    fn files_may_be_moved_but_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let write = |root: &str, name: &str, grey: u8| {
            let image = image::GrayImage::from_pixel(3, 2, image::Luma([grey]));
            fs::create_dir_all(folder.path().join(root).join("a")).unwrap();
            fs::create_dir_all(folder.path().join(root).join("b")).unwrap();
            image.save(folder.path().join(root).join("a").join(name)).unwrap();
            image.save(folder.path().join(root).join("b/other.bmp")).unwrap();
        };
        let of = |root: &str| {
            let options = OpenOptions { validation: 0.0, test: 0.0, ..OpenOptions::default() };
            let path = folder.path().join(root).display().to_string();
            fingerprint(&*crate::open(&path, &options).unwrap().train)
        };
        write("here", "one.bmp", 1);
        write("there", "one.bmp", 1);
        let here = of("here");
        assert_eq!(of("there"), here);
        write("renamed", "two.bmp", 1);
        assert_ne!(of("renamed"), here);
        let file = folder.path().join("there/a/one.bmp");
        let longer = [fs::read(&file).unwrap(), vec![0]].concat();
        fs::write(&file, longer).unwrap();
        assert_ne!(of("there"), here);
    }
}
