//! `POST /v2/models/NAME/infer`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use ocelli_model::Classifier;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::problem::Plain;
use super::tensor;
use super::wire::{self, Asked, Data, Tensor};
use crate::engine::{Answer, Model};
use crate::http::{App, Problem, plain_encoding, read, too_slow};

/// The probability of each class, N × classes floats.
pub(super) const PROBABILITIES: &str = "probabilities";
/// The name of the likeliest class, N texts.
pub(super) const LABEL: &str = "label";

/// Which model an address names.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    name: String,
    version: Option<String>,
}

impl Named {
    /// The model, if there is such a one.
    pub(super) fn find(&self, app: &App) -> Result<Arc<Model>, Problem> {
        let number = |version: &String| {
            let wrong = || Problem::invalid(format!("the version {version:?} is no whole number"));
            version.parse().map_err(|_| wrong())
        };
        let version = self.version.as_ref().map(number).transpose()?;
        Ok(app.registry.find(Some(&self.name), version)?)
    }
}

pub(super) async fn infer(
    State(app): State<Arc<App>>,
    Path(named): Path<Named>,
    request: Request,
) -> Result<Response<Body>, Plain> {
    let model = named.find(&app)?;
    plain_encoding(request.headers())?;
    let (parts, body) = request.into_parts();
    let (body, mut room) = read(&app, &parts.headers, body).await?;
    let json = wire::json_length(&parts.headers, &body)?;
    // Its numbers, four bytes for two characters at the most.
    room.take(2 * json)?;
    let (asked, binary) = wire::request(&body, json)?;
    let wanted = wanted(&asked)?;
    let pictures = tensor::pictures(&model, &asked.inputs, &binary)?;
    let answers =
        timeout(app.options.timeout, model.answer(pictures)).await.map_err(|_| too_slow(&app))??;
    // One tensor has all: it is whole or it is not.
    let answers: Vec<Answer> = answers.into_iter().collect::<Result<_, _>>()?;
    let mut head = json!({ "model_name": model.name, "model_version": model.version.to_string() });
    if let Some(id) = asked.id {
        head["id"] = json!(id);
    }
    let made = |(name, binary): (&'static str, bool)| (made(name, model.classifier(), &answers), binary);
    let tensors: Vec<(Tensor, bool)> = wanted.into_iter().map(made).collect();
    Ok(wire::answer(head, &tensors))
}

/// Which outputs are wanted, each with whether as binary data; all of them unless a request says which.
fn wanted(asked: &Asked) -> Result<Vec<(&'static str, bool)>, Problem> {
    let usual = asked.parameters.binary_data_output;
    if asked.outputs.is_empty() {
        return Ok(vec![(PROBABILITIES, usual), (LABEL, usual)]);
    }
    let known = |name: &str| [PROBABILITIES, LABEL].into_iter().find(|known| *known == name);
    let one = |output: &wire::Output| {
        let name = known(&output.name).ok_or_else(|| {
            Problem::invalid(format!("no output is called {:?}", output.name))
                .hint(format!("there are {PROBABILITIES} and {LABEL}"))
        })?;
        Ok((name, output.parameters.binary_data.unwrap_or(usual)))
    };
    asked.outputs.iter().map(one).collect()
}

fn made(name: &'static str, classifier: &Classifier, answers: &[Answer]) -> Tensor {
    if name == LABEL {
        let label = |answer: &Answer| classifier.prediction(&answer.probabilities, 1).label;
        let texts = answers.iter().map(label).collect();
        return Tensor { name, datatype: "BYTES", shape: vec![answers.len()], data: Data::Texts(texts) };
    }
    let shape = vec![answers.len(), classifier.classes().len()];
    let floats = answers.iter().flat_map(|answer| answer.probabilities.iter().copied()).collect();
    Tensor { name, datatype: "FP32", shape, data: Data::Floats(floats) }
}
