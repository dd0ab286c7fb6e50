//! `POST /v1/predict`: images in, classes out.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ocelli_model::Prediction;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::images::{Sent, images};
use super::{App, Problem, plain_encoding, read};
use crate::engine::{Answer, Failure, Model, Picture, Timing};

/// Classes that are named unless a request says how many.
const USUAL_TOP: usize = 5;

/// What a request may say after its address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// How many classes are named, the likeliest first.
    top: Option<usize>,
    model: Option<String>,
    version: Option<u64>,
    /// Whether a heat map is drawn for the likeliest class.
    #[serde(default)]
    heatmap: bool,
}

/// Answers about the images of a request. One image that cannot be used is the request's problem; of several, it is an entry's.
pub(super) async fn predict(
    State(app): State<Arc<App>>,
    asked: Result<Query<Asked>, QueryRejection>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let Query(asked) = asked.map_err(|rejection| {
        Problem::invalid(rejection.body_text()).hint(
            "after the address may stand top=3, model=NAME, version=NUMBER and heatmap=true, with & between them",
        )
    })?;
    let top = asked.top.unwrap_or(USUAL_TOP);
    if top == 0 {
        return Err(Problem::invalid("top is 0, but at least 1 class is named"));
    }
    let model = app.registry.find(asked.model.as_deref(), asked.version)?;
    if asked.heatmap && app.options.heatmaps.is_none() {
        return Err(Problem::invalid("this server draws no heat maps").hint("leave heatmap out"));
    }
    plain_encoding(request.headers())?;
    let (parts, body) = request.into_parts();
    let (body, mut room) = read(&app, &parts.headers, body).await?;
    let work = async {
        let sent = images(&app, &parts.headers, body, &mut room).await?;
        let answers = model.answer(sent.iter().map(Sent::picture).collect()).await?;
        entries(&app, &model, &sent, answers, top, asked.heatmap).await
    };
    let entries = timeout(app.options.timeout, work).await.map_err(|_| too_slow(&app))??;
    Ok(Json(json!({ "model": model.name, "version": model.version, "predictions": entries })))
}

/// What is answered when an answer takes too long.
pub(crate) fn too_slow(app: &App) -> Problem {
    let seconds = app.options.timeout.as_secs_f64();
    Problem::new(504, "timeout", format!("there was no answer within {seconds} seconds"))
        .hint("send fewer images at a time, or have the server started with a longer --timeout")
        .later()
}

/// An entry for each image.
async fn entries(
    app: &App,
    model: &Arc<Model>,
    sent: &[Sent],
    answers: Vec<Result<Answer, Failure>>,
    top: usize,
    heatmap: bool,
) -> Result<Vec<Value>, Problem> {
    let alone = sent.len() == 1;
    let mut entries = Vec::with_capacity(sent.len());
    for (sent, answer) in sent.iter().zip(answers) {
        let entry = match answer {
            Ok(answer) => {
                let mut entry = entry(model, &answer, top);
                if heatmap {
                    entry["heatmap"] = json!(drawn(app, model, sent, &answer).await?);
                }
                entry
            }
            Err(failure) if alone => return Err(failure.into()),
            Err(failure) => json!({ "error": Problem::from(failure).json() }),
        };
        entries.push(named(entry, &sent.name));
    }
    Ok(entries)
}

fn named(mut entry: Value, name: &Option<String>) -> Value {
    if let Some(name) = name {
        entry["name"] = json!(name);
    }
    entry
}

fn entry(model: &Model, answer: &Answer, top: usize) -> Value {
    let Prediction { label, probability, rejected, labels, top } =
        model.classifier().prediction(&answer.probabilities, top);
    let class = |(label, probability): &(String, f32)| json!({ "label": label, "probability": probability });
    let mut entry = json!({
        "label": label,
        "probability": probability,
        "rejected": rejected,
        "top": top.iter().map(class).collect::<Vec<_>>(),
        "milliseconds": milliseconds(&answer.timing),
        "batch": answer.timing.batch,
    });
    if let Some(labels) = labels {
        entry["labels"] = labels.iter().map(class).collect();
    }
    entry
}

fn milliseconds(timing: &Timing) -> Value {
    let of = |part: std::time::Duration| (part.as_secs_f64() * 1e6).round() / 1e3;
    json!({ "prepare": of(timing.prepare), "wait": of(timing.wait), "infer": of(timing.infer) })
}

/// A heat map of the likeliest class, as an address that holds its PNG file.
async fn drawn(app: &App, model: &Arc<Model>, sent: &Sent, answer: &Answer) -> Result<String, Problem> {
    let Some(heatmaps) = app.options.heatmaps.clone() else {
        return Err(Problem::invalid("this server draws no heat maps"));
    };
    let probabilities = answer.probabilities.iter().enumerate();
    let likeliest = probabilities.max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(class, _)| class);
    let Picture::File { bytes, name } = sent.picture() else {
        return Err(Problem::invalid("heat maps are drawn over image files"));
    };
    let png = model.aside(move |model| {
        let image = model.decode(&bytes, &name).map_err(Problem::from)?;
        heatmaps
            .draw(model.classifier(), &image, likeliest)
            .map_err(|why| Problem::new(422, "no_heatmap", why).hint("leave heatmap out"))
    });
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(png.await??)))
}
