//! The images that the classifier does worst on, and where it looked.

use maud::{Markup, html};
use ocelli_data::check::Progress;
use ocelli_data::preview::fitted;
use ocelli_train::metrics::{TopLoss, top_losses};

use super::thumbnail::{Thumbnail, of};
use super::{PageOptions, Subject};
use crate::text::percent;
use crate::{Explainer, ReportError, picture, pool};

/// The longer side of each picture.
const SIDE: usize = 160;

/// The images, with heat maps where the network has maps to look at.
pub(super) struct Losses {
    images: Vec<Explained>,
    /// Where the heat was read from; or why there is none.
    layer: Result<String, String>,
}

struct Explained {
    top: TopLoss,
    /// As the network sees it; `None` if it cannot be loaded any more.
    seen: Option<Thumbnail>,
    /// For the class that it is taken for, and for its own, if they differ.
    heat: Vec<Spoken>,
}

/// What speaks for a class.
struct Spoken {
    class: usize,
    picture: Thumbnail,
    /// Whether anything does.
    any: bool,
}

/// Looks at the images, on as many threads as are asked for.
pub(super) fn gather(
    subject: &Subject<'_>,
    options: &PageOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Losses, ReportError> {
    pool(options.threads)?.install(|| look(subject, options, progress))
}

fn look(
    subject: &Subject<'_>,
    options: &PageOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Losses, ReportError> {
    let explainer = Explainer::new(subject.classifier);
    let layer = explainer.grad_cam_layer().map(str::to_owned).map_err(|error| error.to_string());
    let tops = top_losses(subject.predictions, options.top_losses);
    let mut images = Vec::with_capacity(tops.len());
    for (number, top) in tops.iter().enumerate() {
        progress(Progress { step: "heat maps", done: number as u64, total: tops.len() as u64 });
        images.push(explain(subject, &explainer, layer.as_deref().ok(), *top)?);
    }
    Ok(Losses { images, layer })
}

fn explain(
    subject: &Subject<'_>,
    explainer: &Explainer<'_>,
    layer: Option<&str>,
    top: TopLoss,
) -> Result<Explained, ReportError> {
    // It could be loaded when it was measured; a file may be gone since.
    let Ok(image) = subject.images.load(top.id as usize) else {
        return Ok(Explained { top, seen: None, heat: Vec::new() });
    };
    let seen = explainer.see(image.view())?;
    let shown = fitted(seen.picture(), SIDE);
    let mut heat = Vec::new();
    if let Some(layer) = layer {
        let maps = explainer.feature_maps(&seen, layer)?;
        let mut classes = vec![top.predicted, top.truth];
        classes.dedup();
        for class in classes {
            let found = explainer.grad_cam(&maps, class)?;
            let any = found.values.iter().any(|value| *value > 0.0);
            heat.push(Spoken { class, picture: of(&picture::overlay(&shown, &found)), any });
        }
    }
    Ok(Explained { top, seen: Some(of(&shown)), heat })
}

pub(super) fn body(losses: &Losses, subject: &Subject<'_>) -> Markup {
    html! {
        p {
            "The images that the model is most wrong about, as it sees them: look for wrong labels first. "
            @match &losses.layer {
                Ok(layer) => {
                    "Heat, from blue to red, is where layer " code { (layer) } " saw what speaks for a class (Grad-CAM)."
                },
                Err(reason) => { "There are no heat maps: " (reason) "." },
            }
        }
        ol.losses {
            @for image in &losses.images { li { (explained(image, subject)) } }
        }
    }
}

fn explained(image: &Explained, subject: &Subject<'_>) -> Markup {
    let Explained { top, seen, heat } = image;
    let (name, truth, predicted) =
        (subject.image(top.id), subject.class(top.truth), subject.class(top.predicted));
    html! {
        h3 {
            @if top.truth == top.predicted { (truth) " found" } @else { (truth) " taken for " (predicted) }
        }
        p { span.name { (name) } " at " (percent(f64::from(top.probability))) ", loss " (format!("{:.3}", top.loss)) }
        div.pictures {
            @match seen {
                Some(seen) => {
                    figure { (seen.img(&format!("{name}, which is {truth}"))) figcaption { "the image" } }
                },
                None => { p { "It cannot be loaded any more." } },
            }
            @for Spoken { class, picture, any } in heat {
                @let class = subject.class(*class);
                figure {
                    (picture.img(&format!("where it saw {class} in {name}")))
                    figcaption { "for " (class) @if !any { ": nothing" } }
                }
            }
        }
    }
}
