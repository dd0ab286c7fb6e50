//! `ocelli explain`: what a model looks for, and what of an image its answer comes from.

use super::{load, print_json};
use crate::args::ExplainArgs;
use crate::failure::Failure;
use crate::text::percent;
use ocelli::data::{Limits, decode, printable};
use ocelli::model::{Classifier, PredictOptions};
use ocelli::nn::suggest::nearest;
use ocelli::report::explain::save_npy;
use ocelli::report::{Explainer, FeatureMaps, ReportError, Seen, picture};
use serde::Serialize;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Pixels along the longer side of pictures that small images are enlarged to, and of filters and feature maps.
const SIDE: usize = 256;
const TILE: usize = 32;
/// Feature maps that are shown: more could not be told apart.
const MAPS: usize = 64;

/// What was found.
#[derive(Serialize)]
struct Explained {
    image: String,
    /// The class that is explained.
    class: String,
    probability: f32,
    logit: f32,
    /// The layer that Grad-CAM looked at.
    layer: String,
    integrated_gradients: Integral,
    /// Numbers of the embedding, and the layer that they come from.
    embedding: Option<(usize, String)>,
    /// What was written, and what it is.
    files: Vec<(PathBuf, String)>,
    /// What could not be shown, and why.
    left_out: Vec<String>,
}

#[derive(Serialize)]
struct Integral {
    points: usize,
    /// What the pixels add, all together.
    sum: f64,
    /// What they should: the logit less that of the baseline.
    difference: f64,
}

pub(crate) fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let classifier = load(&args.model)?;
    let limits = Limits::default();
    let image = classifier.image_channels().and_then(|channels| decode::read(&args.image, channels, &limits));
    let image = image?;
    // A wrong name is told before any work.
    let asked = args.class.as_deref().map(|name| class_named(&classifier, name)).transpose()?;
    let options = PredictOptions { batch: 1, top_k: classifier.classes().len(), ..PredictOptions::default() };
    let answer = classifier.predictor(options)?.predict(std::slice::from_ref(&image))?.remove(0);
    let class = asked.map_or_else(|| class_named(&classifier, &answer.label), Ok)?;
    let name = &classifier.classes()[class];
    let explained = answer.top.iter().find(|(other, _)| other == name).expect("all classes are among them");
    let explainer = Explainer::new(&classifier);
    let seen = explainer.see(image.view())?;
    let out = args.out.clone().unwrap_or_else(|| folder_for(&args.image));
    fs::create_dir_all(&out).map_err(|source| ReportError::Io { path: out.clone(), source })?;
    let mut work = Work { args, explainer: &explainer, seen: &seen, class, out, files: Vec::new() };
    let explained = work.explain(explained)?;
    if args.json { print_json(&explained) } else { print(&explained).map_err(Failure::from) }
}

/// An explanation in the making.
struct Work<'a> {
    args: &'a ExplainArgs,
    explainer: &'a Explainer<'a>,
    seen: &'a Seen,
    class: usize,
    out: PathBuf,
    files: Vec<(PathBuf, String)>,
}

impl Work<'_> {
    fn explain(&mut self, (class, probability): &(String, f32)) -> Result<Explained, ReportError> {
        let logits = self.explainer.logits(self.seen)?;
        let mut left_out = Vec::new();
        match self.explainer.filters() {
            Ok(filters) => {
                let tiles: Vec<_> = filters.iter().map(|filter| picture::enlarged(filter, TILE)).collect();
                self.save(&picture::tiles(&tiles), "filters.png", "what the first convolution looks for")?;
            }
            Err(error) => left_out.push(error.to_string()),
        }
        let layer = self.args.layer.as_deref().map_or_else(|| self.explainer.grad_cam_layer(), Ok)?;
        let maps = self.explainer.feature_maps(self.seen, layer)?;
        let heat = self.explainer.grad_cam(&maps, self.class)?;
        self.maps(&maps)?;
        let shown = picture::enlarged(self.seen.picture(), SIDE);
        self.save(&shown, "image.png", "the image as the network sees it")?;
        let what = format!("where {} saw it", heat.layer);
        self.save(&picture::overlay(&shown, &heat), "grad-cam.png", &what)?;
        let attribution = self.explainer.integrated_gradients(self.seen, self.class, self.args.points)?;
        let pixels = picture::enlarged(&picture::heat(&attribution.heat()), SIDE);
        self.save(&pixels, "integrated-gradients.png", "which pixels it comes from")?;
        let embedding = self.embedding(&mut left_out)?;
        Ok(Explained {
            image: self.args.image.to_string_lossy().into_owned(),
            class: class.clone(),
            probability: *probability,
            logit: logits[self.class],
            layer: heat.layer,
            integrated_gradients: Integral {
                points: self.args.points,
                sum: attribution.sum(),
                difference: attribution.difference,
            },
            embedding,
            files: std::mem::take(&mut self.files),
            left_out,
        })
    }

    /// The feature maps of a layer, as many as can be told apart.
    fn maps(&mut self, maps: &FeatureMaps) -> Result<(), ReportError> {
        let layer = &maps.layer;
        let shown: Vec<_> =
            maps.pictures().iter().take(MAPS).map(|map| picture::enlarged(map, TILE)).collect();
        let what = match maps.channels {
            all @ ..=MAPS => format!("the {all} feature maps of {layer}"),
            all => format!("the first {MAPS} of the {all} feature maps of {layer}"),
        };
        self.save(&picture::tiles(&shown), "feature-maps.png", &what)
    }

    fn embedding(&mut self, left_out: &mut Vec<String>) -> Result<Option<(usize, String)>, ReportError> {
        let Some(layer) = self.explainer.embedding_layer() else {
            left_out.push("the network has no layer that flattens: there is no embedding".into());
            return Ok(None);
        };
        let vector = self.explainer.embed(std::slice::from_ref(self.seen))?;
        let path = self.out.join("embedding.npy");
        save_npy(&path, &vector, vector.len())?;
        self.files.push((path, format!("the {} numbers after {layer}", vector.len())));
        Ok(Some((vector.len(), layer.to_string())))
    }

    fn save(&mut self, image: &ocelli::data::Image, name: &str, what: &str) -> Result<(), ReportError> {
        let path = self.out.join(name);
        picture::save(image, &path)?;
        self.files.push((path, what.to_string()));
        Ok(())
    }
}

fn class_named(classifier: &Classifier, name: &str) -> Result<usize, Failure> {
    let classes = classifier.classes();
    classes.iter().position(|class| class == name).ok_or_else(|| {
        let hint = match nearest(name, classes.iter().map(String::as_str)) {
            Some(class) => format!("did you mean {class}?"),
            None => format!("the classes are {}", classes.join(", ")),
        };
        Failure::usage(format!("the model has no class {name}")).hint(hint)
    })
}

/// Beside where the command runs, named after the image.
fn folder_for(image: &Path) -> PathBuf {
    PathBuf::from(format!("{}-explained", image.file_stem().unwrap_or_default().to_string_lossy()))
}

fn print(explained: &Explained) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let Explained { image, class, probability, logit, .. } = explained;
    let image = printable(image);
    writeln!(out, "{image}: {class} {}, logit {logit:.3}", percent(f64::from(*probability)))?;
    let Integral { sum, difference, points } = explained.integrated_gradients;
    writeln!(
        out,
        "integrated gradients: the pixels add {sum:.3} of {difference:.3} ({points} points; more come closer)"
    )?;
    for (path, what) in &explained.files {
        writeln!(out, "  {:<40}  {what}", path.display())?;
    }
    explained.left_out.iter().try_for_each(|why| writeln!(out, "left out: {why}"))
}
