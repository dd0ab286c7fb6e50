//! What is served and what is asked: models whose classes tell them apart, images, and what the library itself says of each.

use std::error::Error;
use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use ocelli_data::{Channels, Image, Limits, Transform, decode};
use ocelli_model::{Classifier, PredictOptions};
use ocelli_nn::{Shape, zoo};
use serde_json::json;

/// Classes of every model.
const CLASSES: usize = 5;
/// Images that are made, beside those of the decoder's tests.
const MADE: u32 = 24;
/// One of each format, of the decoder's tests.
const FILES: [(&str, &str); 9] = [
    ("photograph.jpg", "image/jpeg"),
    ("420.jpg", "image/jpeg"),
    ("progressive.jpg", "image/jpeg"),
    ("orientation-6.jpg", "image/jpeg"),
    ("rgb-16.png", "image/png"),
    ("lossy.webp", "image/webp"),
    ("palette.gif", "image/gif"),
    ("rgb.bmp", "image/bmp"),
    ("rgb.tiff", "image/tiff"),
];

/// An image file, and what is in it.
pub(crate) struct Sample {
    pub(crate) file: Vec<u8>,
    pub(crate) kind: &'static str,
    pub(crate) image: Image,
}

/// What a model file can hold: a classifier, and its probabilities for every sample.
pub(crate) struct Content {
    classifier: Classifier,
    /// By sample, then by class.
    probabilities: Vec<Vec<f32>>,
}

impl Content {
    /// A network of the zoo whose classes begin with `letter`, so that an answer tells what gave it.
    fn new(letter: char, network: &str, samples: &[Sample]) -> Result<Self, Box<dyn Error>> {
        let network = zoo::build(network, Shape::map(3, 32, 32), CLASSES)?;
        let weights = network.init(u64::from(u32::from(letter)));
        let resize: Transform = serde_json::from_value(json!({ "type": "Resize", "size": [32, 32] }))?;
        let classes = (0..CLASSES).map(|class| format!("{letter}-{class}")).collect();
        let classifier = Classifier::new(network, weights, vec![resize], classes)?;
        let options = PredictOptions { top_k: CLASSES, ..PredictOptions::default() };
        let images: Vec<Image> = samples.iter().map(|sample| sample.image.clone()).collect();
        let by_class = |top: Vec<(String, f32)>| {
            let of = |class: &String| {
                top.iter().find(|(label, _)| label == class).map_or(f32::NAN, |found| found.1)
            };
            classifier.classes().iter().map(of).collect()
        };
        let predictions = classifier.predictor(options)?.predict(&images)?;
        let probabilities = predictions.into_iter().map(|prediction| by_class(prediction.top)).collect();
        Ok(Self { classifier, probabilities })
    }

    /// Writes the model's file, as all of Ocelli's are: whole, then renamed.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        Ok(self.classifier.save(path)?)
    }

    /// Its classes, in order.
    pub(crate) fn classes(&self) -> &[String] {
        self.classifier.classes()
    }

    /// What it says of a sample, by class.
    pub(crate) fn of(&self, sample: usize) -> &[f32] {
        &self.probabilities[sample]
    }
}

/// All that the soak knows beforehand.
pub(crate) struct Known {
    pub(crate) samples: Vec<Sample>,
    /// What the file of `first` holds in turn.
    pub(crate) first: [Content; 2],
    /// Versions 1 and 2 of `second`.
    pub(crate) second: [Content; 2],
}

impl Known {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let mut samples = made()?;
        samples.extend(files()?);
        let content = |letter, network| Content::new(letter, network, &samples);
        let first = [content('a', "lesson")?, content('b', "lesson")?];
        let second = [content('c', "lesson-bn")?, content('d', "lesson-bn")?];
        Ok(Self { samples, first, second })
    }
}

/// PNG files of many sizes.
fn made() -> Result<Vec<Sample>, Box<dyn Error>> {
    let one = |seed: u32| {
        let (width, height) = (9 + seed * seed % 350, 7 + seed * 37 % 300);
        let picture = RgbImage::from_fn(width, height, |x, y| {
            let mixed = (x * 7 + y * 13 + seed * 31).wrapping_mul(2_654_435_761);
            Rgb([(mixed >> 24) as u8, (x * 5 + seed) as u8, (y * 3) as u8])
        });
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Png)?;
        sample(file.into_inner(), "image/png")
    };
    (0..MADE).map(one).collect()
}

fn files() -> Result<Vec<Sample>, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ocelli-data/tests/fixtures");
    FILES.into_iter().map(|(name, kind)| sample(std::fs::read(folder.join(name))?, kind)).collect()
}

fn sample(file: Vec<u8>, kind: &'static str) -> Result<Sample, Box<dyn Error>> {
    let image = decode::decode(&file, "a sample", Channels::Rgb, &Limits::default())?;
    Ok(Sample { file, kind, image })
}
