//! What every [`Dataset`] promises, as a check that any implementation can run in its tests.

use super::Dataset;

/// Checks a dataset against the promises of [`Dataset`] and panics with what it broke.
///
/// Loads every sample twice: give it a small dataset.
///
/// # Panics
/// If a promise is broken.
pub fn check(dataset: &dyn Dataset) {
    let len = dataset.len();
    assert_eq!(dataset.is_empty(), len == 0, "is_empty() and len() disagree");
    let classes = dataset.classes();
    assert!(!classes.is_empty(), "a dataset has at least one class");
    let mut distinct = classes.to_vec();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), classes.len(), "class names are distinct");

    let extent = dataset.extent();
    assert!(matches!(extent.channels, 1 | 3), "images have 1 or 3 channels");
    for index in 0..dataset.len() {
        check_sample(dataset, index);
    }
    check_stretches(dataset);
    check_threads(dataset);
}

fn check_stretches(dataset: &dyn Dataset) {
    let stretches = dataset.stretches();
    let mut next = 0;
    for stretch in stretches {
        assert!(
            stretch.samples.start == next && !stretch.samples.is_empty(),
            "stretches are in order and not empty"
        );
        next = stretch.samples.end;
    }
    assert!(stretches.is_empty() || next == dataset.len(), "stretches have every sample");
}

fn check_sample(dataset: &dyn Dataset, index: usize) {
    let name = dataset.name(index).into_owned();
    assert!(!name.is_empty(), "sample {index} has a name");
    let label = dataset.label(index);
    assert!(
        (label as usize) < dataset.classes().len(),
        "{name}: label {label} of {} classes",
        dataset.classes().len()
    );
    let labels = dataset.labels(index);
    assert!(labels.is_sorted_by(|a, b| a < b), "{name}: labels are in order, each once");
    assert!(labels.last().is_none_or(|&last| (last as usize) < dataset.classes().len()), "{name}: labels");
    assert_eq!(label, labels.first().copied().unwrap_or(0), "{name}: the label is the first of the labels");
    assert!(dataset.is_multi_label() || labels.len() == 1, "{name}: has one label");
    let first = dataset.load(index);
    let again = dataset.load(index);
    let (Ok(image), Ok(second)) = (&first, &again) else {
        assert!(first.is_err() && again.is_err(), "{name}: fails one time and loads the other");
        return;
    };
    assert_eq!(image, second, "{name}: two loads differ");
    let extent = dataset.extent();
    assert_eq!(image.channels(), extent.channels, "{name}: channels");
    assert!(image.height() > 0 && image.width() > 0, "{name}: has no pixels");
    if extent.uniform {
        assert_eq!(
            (image.height(), image.width()),
            (extent.height, extent.width),
            "{name}: the extent says that all images have one size"
        );
    }
    if let Some(view) = dataset.view(index) {
        assert_eq!(view, image.view(), "{name}: view() and load() differ");
    }
}

fn check_threads(dataset: &dyn Dataset) {
    let load = || -> Vec<_> { (0..dataset.len()).map(|i| dataset.load(i).ok()).collect() };
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(load);
        let two = scope.spawn(load);
        (one.join(), two.join())
    });
    assert!(
        one.is_ok() && one.ok() == two.ok(),
        "two threads that load the same samples get the same images"
    );
}
