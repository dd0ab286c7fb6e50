//! The sections that have figures.

use super::super::{contour, importance, pareto, slice};
use super::{Importance, Making, Parameter, history, intermediate, parallel, timeline};
use crate::document::scrolling;
use crate::text::{duration, figure, percent, plural};
use maud::{Markup, html};
use ocelli_data::printable;

/// Settings that are shown each by itself, and those of which all pairs are shown, for one objective and for several.
const SLICES: usize = 12;
const PAIRED: [usize; 2] = [4, 3];
/// Complete trials below which importances are rough.
const FEW: usize = 30;
/// The heights that a setting adds to the figure of importances, in a wide window and on a telephone, and those without any.
const ROW: [f32; 2] = [40.0, 36.0];
const AROUND: [f32; 2] = [140.0, 160.0];

impl Making<'_> {
    fn objectives(&self) -> std::ops::Range<usize> {
        0..self.search.objectives.len()
    }

    pub(super) fn fronts(&mut self) -> Markup {
        let pairs = self.objectives().flat_map(|second| (0..second).map(move |first| (first, second)));
        let charts: Vec<Markup> = pairs.map(|(first, second)| self.front(first, second)).collect();
        html! {
            p {
                "Trials that no other beats in everything."
                @if self.search.objectives.len() > 2 {
                    " Of more than two objectives, each pair is shown: a trial of the front may be beaten in both."
                }
            }
            div.charts { @for chart in charts { (chart) } }
        }
    }

    fn front(&mut self, first: usize, second: usize) -> Markup {
        let (found, objectives) = (pareto::front(self.search, first, second), &self.search.objectives);
        let names = [first, second].map(|objective| objectives[objective].name.as_str());
        let told = format!(
            "{} over {}: {} that no other beats in everything, and {}.",
            names[1],
            names[0],
            plural(found.best.len() as u64, "trial", "trials"),
            plural(found.others.len() as u64, "other", "others")
        );
        let name =
            if objectives.len() > 2 { format!("pareto-{}-{}", names[0], names[1]) } else { "pareto".into() };
        self.show(&name, &told, pareto::figure(self.search, first, second))
    }

    pub(super) fn histories(&mut self) -> Markup {
        let charts: Vec<Markup> = self.objectives().map(|objective| self.history(objective)).collect();
        html! { div.charts { @for chart in charts { (chart) } } }
    }

    fn history(&mut self, objective: usize) -> Markup {
        let found = history::history(self.search, objective);
        let ends = found.best.first().zip(found.best.last());
        let told = ends.map_or(String::new(), |((_, first), (_, last))| {
            let name = &self.search.objectives[objective].name;
            format!("{name} by trial: the best goes from {} to {}.", figure(*first), figure(*last))
        });
        let file = self.name("history", objective, &[]);
        self.show(&file, &told, history::figure(self.search, objective))
    }

    pub(super) fn curves(&mut self) -> Markup {
        let curves = intermediate::curves(self.search);
        let told = format!(
            "What {} reported on their way, step by step.",
            plural(curves.len() as u64, "trial", "trials")
        );
        self.show("intermediate", &told, intermediate::figure(self.search))
    }

    pub(super) fn importance(&mut self) -> Markup {
        let bodies: Vec<Markup> = self.objectives().map(|objective| self.importance_of(objective)).collect();
        html! {
            p {
                "PED-ANOVA says what sets the best tenth of the trials apart from all; fANOVA which settings alone make trials differ, over all that was \
                 tried, of those that every trial has. Shares sum to 100%."
            }
            @for body in bodies { (body) }
        }
    }

    fn importance_of(&mut self, objective: usize) -> Markup {
        let found = match self.importances[objective].clone() {
            Ok(found) => found,
            Err(sentence) => return html! { p { (sentence) } },
        };
        let figure = importance::figure(self.search, objective, &found);
        let first = &found[0];
        let told = format!(
            "{} decides most, with {} by PED-ANOVA.",
            printable(&first.name),
            percent(first.ped_anova)
        );
        let name = self.free(&self.name("importance", objective, &[]));
        let bars = found.len().min(importance::MOST) as f32;
        let heights = [0, 1].map(|place| ROW[place].mul_add(bars, AROUND[place]));
        let chart = self.charts.show_as_high(&name, &told, figure, heights);
        let count = self.search.complete(objective).len();
        html! {
            @if count < FEW {
                p.note { "Of " (plural(count as u64, "complete trial", "complete trials")) ": shares are rough." }
            }
            div.charts { (chart) (shares(&found)) }
        }
    }

    pub(super) fn parallel(&mut self) -> Markup {
        let parameters = self.ranked(0);
        match parallel::figure(self.search, &parameters) {
            Err(sentence) => html! { p { (sentence) } },
            Ok(figure) => {
                let told = "A line for each complete trial over its objectives and settings.";
                html! {
                    p {
                        "A line for each complete trial, the best ones dark and above. Where a trial has not the setting at all, its line \
                         passes at the bottom."
                    }
                    (self.charts.show_whole("parallel", told, figure))
                }
            }
        }
    }

    pub(super) fn slices(&mut self) -> Markup {
        let mut charts = Vec::new();
        for objective in self.objectives() {
            for parameter in self.ranked(objective).iter().take(SLICES) {
                let file = self.name("slice", objective, &[parameter]);
                let told =
                    format!("{} by {}.", self.search.objectives[objective].name, printable(&parameter.name));
                charts.push(self.show(&file, &told, slice::figure(self.search, objective, parameter)));
            }
        }
        html! {
            @if charts.is_empty() { p { "No setting varied." } }
            div.charts { @for chart in charts { (chart) } }
        }
    }

    pub(super) fn contours(&mut self) -> Markup {
        let mut charts = Vec::new();
        for objective in self.objectives() {
            let mut parameters = self.ranked(objective);
            parameters.retain(|parameter| !parameter.has_many_choices());
            let paired =
                &parameters[..parameters.len().min(PAIRED[usize::from(self.search.objectives.len() > 1)])];
            for (place, x) in paired.iter().enumerate() {
                for y in &paired[place + 1..] {
                    charts.push(self.contour(objective, x, y));
                }
            }
        }
        html! {
            p {
                @if charts.is_empty() {
                    "There are not two settings that varied."
                } @else {
                    "The mean of the complete trials around each place, of pairs of the most important settings. Where none is near, nothing is said."
                }
            }
            div.charts { @for chart in charts { (chart) } }
        }
    }

    fn contour(&mut self, objective: usize, x: &Parameter, y: &Parameter) -> Markup {
        let name = &self.search.objectives[objective].name;
        let told = format!("{name} by {} and {}.", printable(&x.name), printable(&y.name));
        let file = self.name("contour", objective, &[x, y]);
        self.show(&file, &told, contour::figure(self.search, objective, x, y))
    }

    pub(super) fn timeline(&mut self) -> Markup {
        let busy = timeline::busy(self.search);
        let total = duration(timeline::total(&busy));
        let told = format!(
            "When each of {} was worked at, in {total}.",
            plural(busy.len() as u64, "trial", "trials")
        );
        html! {
            p { "While no trial is worked at, no time goes by here: pauses of the search are left out." }
            (self.show("timeline", &told, timeline::figure(self.search)))
        }
    }
}

fn shares(found: &[Importance]) -> Markup {
    let table = html! {
        table {
            caption { "Importances" }
            thead { tr { th scope="col" { "setting" } th scope="col" { "PED-ANOVA" } th scope="col" { "fANOVA" } } }
            tbody {
                @for one in found {
                    tr {
                        th scope="row" { (printable(&one.name)) }
                        td { (percent(one.ped_anova)) }
                        td { (one.fanova.map_or(crate::document::NONE.to_owned(), percent)) }
                    }
                }
            }
        }
    };
    scrolling("Importances", table)
}
