//! The sections that have words and numbers.

use super::super::parameter::{Kind, Parameter};
use super::super::{MOST_TRIALS, Search, setting, timeline};
use crate::document::{NONE, scrolling};
use crate::text::{count, duration, figure, plural};
use maud::{Markup, html};
use ocelli_data::printable;
use ocelli_tune::{Direction, Trial, TrialState};

/// Trials that are listed as the best.
const BEST: usize = 10;

/// "the least val_loss and the greatest val_accuracy".
pub(super) fn goals(search: &Search) -> String {
    let goal = |objective: &super::super::Objective| match objective.direction {
        Direction::Minimize => format!("the least {}", objective.name),
        Direction::Maximize => format!("the greatest {}", objective.name),
    };
    search.objectives.iter().map(goal).collect::<Vec<_>>().join(" and ")
}

pub(super) fn cards(search: &Search) -> Markup {
    let states = [
        ("complete", TrialState::Complete),
        ("pruned", TrialState::Pruned),
        ("failed", TrialState::Fail),
        ("running", TrialState::Running),
        ("waiting", TrialState::Waiting),
    ];
    let in_state = |state| search.in_state(state).count() as u64;
    let told =
        states.map(|(name, state)| (name, in_state(state))).into_iter().filter(|(_, trials)| *trials > 0);
    let told: Vec<String> = told.map(|(name, trials)| format!("{} {name}", count(trials))).collect();
    let card = |name: &str, value: String, means: String| {
        html! {
            div { dt { (name) } dd.value { (value) } dd.means { (means) } }
        }
    };
    let best = |place: usize| {
        let name = &search.objectives[place].name;
        let means = search
            .best_of(place)
            .map_or("no trial has come to its end".into(), |(trial, _)| format!("of trial {}", trial.number));
        card(
            &format!("Best {name}"),
            search.best_of(place).map_or(NONE.into(), |(_, value)| figure(value)),
            means,
        )
    };
    let total = timeline::total(&timeline::busy(search));
    html! {
        dl.cards {
            (card("Trials", count(search.trials.len() as u64), told.join(", ")))
            @for place in 0..search.objectives.len() { (best(place)) }
            (card("Time", duration(total), "while trials were worked at".into()))
        }
    }
}

pub(super) fn best(search: &Search) -> Markup {
    let several = search.objectives.len() > 1;
    let best = search.best();
    let trials: Vec<&Trial> = match several {
        true => best.iter().map(AsRef::as_ref).collect(),
        false => search.shown(0).into_iter().rev().take(BEST).map(|(trial, _)| trial).collect(),
    };
    if trials.is_empty() {
        return html! { p { "No trial has come to its end yet." } };
    }
    html! {
        p {
            @if several {
                (plural(trials.len() as u64, "trial", "trials")) " that no other beats in everything."
            } @else {
                "The best of the complete trials, the very best first."
            }
        }
        (scrolling("The best trials", table(search, &trials[..trials.len().min(MOST_TRIALS)])))
    }
}

pub(super) fn all(search: &Search) -> Markup {
    let trials: Vec<&Trial> = search.trials.iter().map(AsRef::as_ref).collect();
    if trials.is_empty() {
        return html! { p { "There are none yet." } };
    }
    let from = trials.len().saturating_sub(MOST_TRIALS);
    html! {
        @if from > 0 { p { "Of " (count(trials.len() as u64)) " the last " (count(MOST_TRIALS as u64)) "." } }
        details {
            summary { (plural((trials.len() - from) as u64, "trial", "trials")) }
            (scrolling("All trials", table(search, &trials[from..])))
        }
    }
}

fn table(search: &Search, trials: &[&Trial]) -> Markup {
    let parameters = Parameter::all(search);
    let value = |trial: &Trial, place: usize| {
        trial
            .values
            .as_ref()
            .and_then(|values| values.get(place))
            .map_or(NONE.to_owned(), |value| figure(*value))
    };
    let took = |trial: &Trial| trial.duration().map_or(NONE.to_owned(), |took| duration(took.as_secs_f64()));
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "trial" }
                    @for objective in &search.objectives { th scope="col" { (objective.name) } }
                    th.text scope="col" { "state" }
                    th scope="col" { "took" }
                    @for parameter in &parameters { th scope="col" title=(printable(&parameter.name)) { (parameter.short) } }
                }
            }
            tbody {
                @for trial in trials {
                    tr {
                        th scope="row" { (trial.number) }
                        @for place in 0..search.objectives.len() { td { (value(trial, place)) } }
                        td.text { (state(trial.state)) }
                        td { (took(trial)) }
                        @for parameter in &parameters {
                            td { (trial.params.get(&parameter.name).map_or(NONE.to_owned(), setting)) }
                        }
                    }
                }
            }
        }
    }
}

fn state(state: TrialState) -> &'static str {
    match state {
        TrialState::Complete => "complete",
        TrialState::Pruned => "pruned",
        TrialState::Fail => "failed",
        TrialState::Running => "running",
        TrialState::Waiting => "waiting",
    }
}

/// What each setting may be, over all trials.
pub(super) fn space(search: &Search) -> Markup {
    let parameters = Parameter::all(search);
    if parameters.is_empty() {
        return html! { p { "No trial has a setting yet." } };
    }
    let may_be = |parameter: &Parameter| match &parameter.kind {
        Kind::Numbers { low, high, log, step } => format!(
            "{} to {}{}{}",
            figure(*low),
            figure(*high),
            if *log { ", by order of magnitude" } else { "" },
            step.map_or(String::new(), |step| format!(", in steps of {}", figure(step)))
        ),
        Kind::Choices(choices) => format!("one of {}", choices.join(", ")),
    };
    let had = |parameter: &Parameter| {
        search.trials.iter().filter(|trial| trial.params.contains_key(&parameter.name)).count()
    };
    let table = html! {
        table {
            thead { tr { th scope="col" { "setting" } th.text scope="col" { "may be" } th scope="col" { "trials" } } }
            tbody {
                @for parameter in &parameters {
                    tr {
                        th scope="row" { (printable(&parameter.name)) }
                        td.text { (may_be(parameter)) }
                        td { (count(had(parameter) as u64)) }
                    }
                }
            }
        }
    };
    scrolling("What varied", table)
}
