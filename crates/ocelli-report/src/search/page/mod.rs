//! The page of a search.

mod figures;
mod tables;

use super::importance::{Importance, importances, ranked};
use super::parameter::Parameter;
use super::{Search, history, intermediate, parallel, timeline};
use crate::document::{Charts, Document, Page, Section};
use maud::{Markup, html};
use ocelli_plot::Figure;

/// What the names of figures begin with.
const FIGURES: [&str; 8] =
    ["history", "intermediate", "importance", "parallel", "slice", "contour", "timeline", "pareto"];

/// Whether a file of this name, without its ending, may be a figure of a search's page.
#[must_use]
pub fn is_figure(name: &str) -> bool {
    FIGURES
        .iter()
        .any(|figure| name.strip_prefix(figure).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
}

/// A page in the making.
struct Making<'a> {
    search: &'a Search,
    charts: Charts,
    /// Of each objective, or why there are none.
    importances: Vec<Result<Vec<Importance>, String>>,
}

impl Search {
    /// The page: what was found, which settings decide, and every trial, in one HTML file that needs nothing else. Where a figure cannot be, a
    /// sentence says why.
    #[must_use]
    pub fn page(&self) -> Page {
        let importances = (0..self.objectives.len()).map(|objective| importances(self, objective)).collect();
        let mut making = Making { search: self, charts: Charts::default(), importances };
        let section = |id, heading, body| Section { id, heading, body };
        let mut sections = vec![
            section("figures", "Figures", tables::cards(self)),
            section("best", "Best trials", tables::best(self)),
        ];
        if self.objectives.len() > 1 {
            sections.push(section("pareto", "Pareto front", making.fronts()));
        }
        sections.extend([
            section("history", "History", making.histories()),
            section("intermediate", "On the way", making.curves()),
            section("importance", "Importance", making.importance()),
            section("parallel", "Parallel coordinates", making.parallel()),
            section("slices", "Objective by setting", making.slices()),
            section("contours", "Objective by two settings", making.contours()),
            section("timeline", "Timeline", making.timeline()),
            section("space", "What varied", tables::space(self)),
            section("trials", "All trials", tables::all(self)),
        ]);
        let lead = html! { p { "A search for " (tables::goals(self)) "." } };
        let html = Document { title: &self.name, lead, sections: &sections, script: None }.whole();
        Page { html, figures: making.charts.figures }
    }
}

impl Making<'_> {
    /// A figure, or the sentence why there is none.
    fn show(&mut self, name: &str, told: &str, figure: Result<Figure, String>) -> Markup {
        match figure {
            Ok(figure) => {
                let name = self.free(name);
                self.charts.show(&name, told, figure)
            }
            Err(sentence) => html! { p { (sentence) } },
        }
    }

    /// The name of a figure's file: the objective follows where there are several, then the parameters.
    fn name(&self, figure: &str, objective: usize, of: &[&Parameter]) -> String {
        let several = self.search.objectives.len() > 1;
        let objective = several.then(|| self.search.objectives[objective].name.as_str());
        let parts =
            [figure].into_iter().chain(objective).chain(of.iter().map(|parameter| parameter.name.as_str()));
        parts.collect::<Vec<_>>().join("-")
    }

    /// A name that no figure has yet and any file may have.
    fn free(&self, name: &str) -> String {
        let safe = |c: char| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '-' };
        let name: String = name.chars().map(safe).take(100).collect();
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let taken = |name: &String| self.charts.figures.iter().any(|(one, _)| one == name);
        std::iter::once(name.clone()).chain(numbered).find(|name| !taken(name)).expect("numbers do not end")
    }

    /// The parameters that vary, the most important first.
    fn ranked(&self, objective: usize) -> Vec<Parameter> {
        let importances = self.importances[objective].as_deref().ok();
        let parameters = ranked(self.search, importances);
        parameters.into_iter().filter(|parameter| !parameter.is_single()).collect()
    }
}
