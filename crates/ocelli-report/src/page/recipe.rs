//! The recipe of the run.

use maud::{Markup, html};
use ocelli_data::printable;

use super::Subject;

pub(super) fn body(subject: &Subject<'_>) -> Markup {
    let Some(run) = subject.run else {
        return html! {
            p { "No run was found beside this model, so its recipe is not known." }
        };
    };
    // Line by line: printable tells control characters, and the ends of lines are some.
    let text: Vec<_> = run.recipe.lines().map(printable).collect();
    html! {
        p { "Every setting of the run: " code { "ocelli train --recipe" } " with this text in a file trains the same again." }
        details { summary { "The recipe" } pre { code { (text.join("\n")) } } }
    }
}
