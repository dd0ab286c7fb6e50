//! Sending a journal: first the run, then what was logged, in order.

use super::journal::{Begin, Line, Sent};
use super::{ATTEMPTS, Journal, Shared};
use crate::entity::{RunKey, RunStatus};
use crate::error::TrackError;
use crate::event::Event;
use crate::server::{Batch, NewRun};
use crate::tags;
use std::fs;
use std::io::ErrorKind;

/// MLflow's limits of a batch.
const METRICS: usize = 1_000;
const PARAMS: usize = 100;
const TAGS: usize = 100;
const ALL: usize = 1_000;

impl Shared {
    /// Sends some of a journal. Whether there was anything to send.
    pub(super) fn send(&self, journal: &Journal) -> Result<bool, TrackError> {
        if journal.is_sent() {
            return Ok(false);
        }
        let sent = journal.sent();
        let Some(run) = sent.run_id.clone() else {
            let (run, start_time) = self.begin(journal)?;
            self.mark(journal, Sent { length: journal.header_length, run_id: Some(run), start_time })?;
            return Ok(true);
        };
        let lines = journal.unsent()?;
        let mut begin = 0;
        while begin < lines.len() {
            let end = begin + batch(&lines[begin..]).max(1);
            self.send_lines(journal, &run, &lines[begin..end])?;
            self.mark(journal, Sent { length: lines[end - 1].end, ..sent.clone() })?;
            for line in &lines[begin..end] {
                remove_files(journal, &line.event);
            }
            begin = end;
        }
        Ok(!lines.is_empty())
    }

    /// The id of the journal's run, which is made unless an earlier attempt has made it, and when it began.
    fn begin(&self, journal: &Journal) -> Result<(String, Option<i64>), TrackError> {
        match &journal.header.begin {
            Begin::Existing(RunKey::Id(id)) => self.server.get_run(id).map(|run| (run.id, run.start_time)),
            Begin::Existing(RunKey::Key(key)) => {
                let found = self.server.find_run(None, key)?;
                found.map(|run| (run.id, run.start_time)).ok_or_else(|| TrackError::NotFound {
                    what: "run with the key",
                    name: key.clone(),
                    store: self.server.name().to_owned(),
                })
            }
            Begin::New { experiment, name, user, start_time, tags, parent } => {
                let experiment = self.server.experiment_for_runs(experiment)?;
                if let Some(run) = self.server.find_run(Some(&experiment), &journal.key)? {
                    return Ok((run.id, run.start_time));
                }
                let mut tags = tags.clone();
                tags.insert(tags::RUN_KEY.to_owned(), journal.key.clone());
                if let Some(id) =
                    parent.as_ref().map(|parent| self.parent(journal, parent)).transpose()?.flatten()
                {
                    tags.insert(tags::PARENT_RUN_ID.to_owned(), id);
                }
                let new =
                    NewRun { experiment_id: &experiment, name, user, start_time: *start_time, tags: &tags };
                let made = self.server.create_run(&new)?;
                // An earlier attempt whose answer was lost may have made one since the search: the one that every later search finds first stays.
                let mut found = self.server.find_runs(&[experiment], &journal.key)?.into_iter();
                let kept = found.next().map_or(made.id, |run| run.id);
                found.try_for_each(|other| self.server.delete_run(&other.id))?;
                Ok((kept, Some(*start_time)))
            }
        }
    }

    /// The id of a run's parent. None where it was lost: the run is worth more than its place.
    fn parent(&self, journal: &Journal, parent: &RunKey) -> Result<Option<String>, TrackError> {
        let key = match parent {
            RunKey::Id(id) => return Ok(Some(id.clone())),
            RunKey::Key(key) => key,
        };
        if let Some(id) = Journal::peek_id(&self.folder, key) {
            return Ok(Some(id));
        }
        if let Some(run) = self.server.find_run(None, key)? {
            return Ok(Some(run.id));
        }
        let error = TrackError::NotFound {
            what: "run with the key",
            name: key.clone(),
            store: self.server.name().to_owned(),
        };
        if Journal::exists(&self.folder, key) {
            return Err(TrackError::Unreachable {
                server: self.server.name().to_owned(),
                status: Some(200),
                reason: format!("the parent of a run has yet to be sent: {error}"),
            });
        }
        self.refused(journal, "its parent", &error);
        Ok(None)
    }

    /// Sends lines in one request; if the server refuses them, each in its own, to lose no more than what it refuses.
    fn send_lines(&self, journal: &Journal, run: &str, lines: &[Line]) -> Result<(), TrackError> {
        let done = match lines {
            [line] => self.send_event(journal, run, &line.event),
            lines => self.server.log_batch(run, &gather(lines)),
        };
        match done {
            Err(error) if self.stays(journal, run, &error) => Err(error),
            Err(error) if lines.len() == 1 => {
                self.refused(journal, &what(&lines[0].event), &error);
                Ok(())
            }
            Err(_) => {
                lines.iter().try_for_each(|line| self.send_lines(journal, run, std::slice::from_ref(line)))
            }
            Ok(()) => Ok(()),
        }
    }

    /// Whether what was not sent is worth another try.
    fn stays(&self, journal: &Journal, run: &str, error: &TrackError) -> bool {
        match error {
            // The copy is there, and can be read once the disk or the rights are mended; without one there is nothing to try again.
            TrackError::Io { source, .. } => source.kind() != ErrorKind::NotFound,
            // A server that fails at everything is down, and will be back; one that can write to the run fails at this alone.
            TrackError::Unreachable { status: Some(404 | 500..=599), .. } => {
                self.failed_attempts(journal) < ATTEMPTS || self.server.write_nothing_new(run).is_err()
            }
            TrackError::Unreachable { .. } => true,
            _ => false,
        }
    }

    fn send_event(&self, journal: &Journal, run: &str, event: &Event) -> Result<(), TrackError> {
        match event {
            Event::Param { .. } | Event::Metric(_) | Event::Tag { .. } => {
                let mut batch = Batch::default();
                add(&mut batch, event);
                self.server.log_batch(run, &batch)
            }
            Event::Dataset(input) => self.server.log_dataset(run, input),
            Event::Artifact { file, path } => {
                let uri = self.server.get_run(run)?.artifact_uri;
                self.server.upload(&uri, path, &journal.file(*file))
            }
            Event::Model(model) => self.server.log_model(&self.server.get_run(run)?, model, &journal.files()),
            Event::Resume => self.server.update_run(run, RunStatus::Running, None),
            Event::End { status, time } => self.server.update_run(run, *status, Some(*time)),
            Event::Leave => Ok(()),
        }
    }
}

/// How many of the first lines go in one request.
fn batch(lines: &[Line]) -> usize {
    let (mut metrics, mut params, mut tags) = (0, 0, 0);
    lines
        .iter()
        .take_while(|line| {
            match line.event {
                Event::Metric(_) => metrics += 1,
                Event::Param { .. } => params += 1,
                Event::Tag { .. } => tags += 1,
                _ => return false,
            }
            metrics <= METRICS && params <= PARAMS && tags <= TAGS && metrics + params + tags <= ALL
        })
        .count()
}

fn gather(lines: &[Line]) -> Batch {
    let mut batch = Batch::default();
    for line in lines {
        add(&mut batch, &line.event);
    }
    batch
}

/// The last value of a tag is the one that counts; values of a parameter are the same.
fn add(batch: &mut Batch, event: &Event) {
    match event {
        Event::Metric(metric) => batch.metrics.push(metric.clone()),
        Event::Param { key, value } => drop(batch.params.insert(key.clone(), value.clone())),
        Event::Tag { key, value } => drop(batch.tags.insert(key.clone(), value.clone())),
        Event::Dataset(_)
        | Event::Artifact { .. }
        | Event::Model(_)
        | Event::Resume
        | Event::End { .. }
        | Event::Leave => {}
    }
}

fn remove_files(journal: &Journal, event: &Event) {
    let numbers: Vec<u64> = match event {
        Event::Artifact { file, .. } => vec![*file],
        Event::Model(model) => model.files.iter().map(|(number, _)| *number).collect(),
        _ => return,
    };
    for number in numbers {
        // What stays goes with the journal.
        let _ = fs::remove_file(journal.file(number));
    }
}

fn what(event: &Event) -> String {
    match event {
        Event::Param { key, .. } => format!("the parameter {key}"),
        Event::Metric(metric) => format!("the metric {}", metric.key),
        Event::Tag { key, .. } => format!("the tag {key}"),
        Event::Dataset(input) => format!("the data set {}", input.dataset.name),
        Event::Artifact { path, .. } => format!("the artifact {path}"),
        Event::Model(model) => format!("the model {}", model.name),
        Event::Resume => "that it goes on".to_owned(),
        Event::End { status, .. } => format!("its end as {status}"),
        Event::Leave => "that nothing more is logged".to_owned(),
    }
}
