//! `/docs`: the routes as people read them, made of their description for programs.

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

/// The page for an OpenAPI description.
pub(super) fn page(description: &str) -> String {
    let description: Value = serde_json::from_str(description).expect("the description is JSON");
    let paths = description["paths"].as_object().into_iter().flatten();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Ocelli: the API" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                main {
                    h1 { (text(&description["info"]["title"])) }
                    p { (text(&description["info"]["description"])) }
                    p { a href="/openapi.json" { "openapi.json" } " has the same for programs." }
                    @for (path, methods) in paths {
                        @for (method, route) in methods.as_object().into_iter().flatten() { (section(path, method, route)) }
                    }
                }
            }
        }
    }
    .into_string()
}

fn section(path: &str, method: &str, route: &Value) -> Markup {
    let parameters = route["parameters"].as_array().into_iter().flatten();
    let kinds = route["requestBody"]["content"].as_object().into_iter().flatten();
    let answers = route["responses"].as_object().into_iter().flatten();
    html! {
        section class="route" {
            h2 { code { (method.to_uppercase()) " " (path) } }
            p { (text(&route["summary"])) }
            @if let Some(more) = route["description"].as_str() { p { (more) } }
            dl {
                @for parameter in parameters {
                    dt { code { (text(&parameter["name"])) } }
                    dd { (text(&parameter["description"])) }
                }
                @for (kind, _) in kinds {
                    dt { "body" }
                    dd { code { (kind) } }
                }
                @for (status, answer) in answers {
                    dt { (status) }
                    dd { (text(&answer["description"])) }
                }
            }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::page;
    use serde_json::json;

    #[test]
    fn every_route_is_listed_and_nothing_is_markup() {
        let route = json!({ "summary": "x", "responses": { "200": { "description": "fine" } } });
        let description = json!({ "info": { "title": "<b>" }, "paths": { "/a": { "get": route } } });
        let page = page(&description.to_string());
        for part in ["<h1>&lt;b&gt;</h1>", "<code>GET /a</code>", "<dt>200</dt><dd>fine</dd>"] {
            assert!(page.contains(part), "{part} in {page}");
        }
    }
}
