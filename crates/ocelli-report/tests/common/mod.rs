//! A page that the tests look at: images of noise, and what a classifier might say of them.

use ocelli_data::dataset::{Format, MemoryDataset};
use ocelli_data::{Dataset, Transform};
use ocelli_model::Classifier;
use ocelli_nn::{Conv2d, Sequential, Shape};
use ocelli_report::{DataDigest, Page, PageOptions, RunStory, SplitDigest, Subject, Tempered};
use ocelli_train::EpochDone;
use ocelli_train::metrics::{
    Bootstrap, Predictions, Report, ReportOptions, at_temperature, calibration, log_loss,
};

const SIDE: usize = 48;

/// Images of noise, as many of each class, and what a classifier might say of them.
pub(crate) struct Made {
    classifier: Classifier,
    images: MemoryDataset,
    predictions: Predictions,
    pub(crate) report: Report,
}

fn noise(seed: u32) -> impl FnMut() -> u32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    }
}

pub(crate) fn made(names: Vec<String>, images: usize) -> Made {
    let classes = names.len();
    let mut random = noise(1);
    let labels: Vec<u32> = (0..images).map(|image| (image % classes) as u32).collect();
    let pixels = (0..images * SIDE * SIDE * 3).map(|_| random() as u8).collect();
    let mut predictions = Predictions::new(classes, images);
    for (id, label) in labels.iter().enumerate() {
        let mut row: Vec<f32> = (0..classes).map(|_| (random() % 1000) as f32).collect();
        row[*label as usize] += 700.0;
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|value| *value /= sum);
        predictions.push(id as u64, *label, &row);
    }
    let network = Sequential::new(Shape::map(3, 8, 8))
        .conv2d(Conv2d::new(3, 4, 3))
        .relu()
        .flatten()
        .linear(4 * 6 * 6, classes)
        .build("small")
        .unwrap();
    let weights = network.init(1);
    let resize: Transform = serde_json::from_str(r#"{ "type": "Resize", "size": [8, 8] }"#).unwrap();
    let classifier = Classifier::new(network, weights, vec![resize], names.clone()).unwrap();
    let images = MemoryDataset::new("the <i>images</i>", names, labels, (SIDE, SIDE, 3), pixels).unwrap();
    let bootstrap = Bootstrap { resamples: 20, ..Bootstrap::default() };
    let report = Report::of(&predictions, &ReportOptions { bootstrap, ..ReportOptions::default() });
    Made { classifier, images, predictions, report }
}

impl Made {
    pub(crate) fn page(&self, run: Option<RunStory<'_>>, cautions: &[String]) -> Page {
        let data = DataDigest {
            path: "data/<b>photos</b>".into(),
            format: Format::Folders,
            classes: self.images.classes().to_vec(),
            splits: vec![SplitDigest::of("test", &self.images)],
        };
        let tempered = at_temperature(self.predictions.clone(), 1.5);
        let tempered = Tempered {
            temperature: 1.5,
            fitted_on: "other images".into(),
            log_loss: log_loss(&tempered),
            calibration: calibration(&tempered, 15),
        };
        let subject = Subject {
            model: "runs/<u>a</u>/model.safetensors",
            measured_on: "photos & more, test images",
            classifier: &self.classifier,
            images: &self.images,
            predictions: &self.predictions,
            report: &self.report,
            tempered: Some(&tempered),
            cautions,
            data: &data,
            run,
        };
        Page::new(&subject, &PageOptions::default(), &|_| {}).unwrap()
    }
}

pub(crate) fn epochs() -> Vec<EpochDone> {
    let epoch = |epoch: u64| EpochDone {
        epoch,
        step: epoch * 10,
        lr: 0.1 / epoch as f64,
        train_loss: 2.0 / epoch as f64,
        train_accuracy: 0.2 * epoch as f64,
        val_loss: Some(2.5 / epoch as f64),
        val_accuracy: Some(0.1 * epoch as f64),
        best: true,
        seconds: 2.0,
        ..EpochDone::default()
    };
    (1..=4).map(epoch).collect()
}
