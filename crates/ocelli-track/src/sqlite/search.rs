//! Searching runs in the database.

use super::{Database, runs};
use crate::entity::{Lifecycle, Page, Run};
use crate::error::TrackError;
use crate::filter::sql::{self, Sql};
use crate::page;
use crate::tracker::SearchRuns;
use rusqlite::params_from_iter;
use rusqlite::types::Value;

impl Database {
    pub(crate) fn search_runs(&self, search: &SearchRuns) -> Result<Page<Run>, TrackError> {
        let offset = page::read(search.page_token.as_deref())?;
        let found = statement(search, offset);
        let mut runs: Vec<Run> = self.read(|connection| {
            let mut statement = connection.prepare(&found.text)?;
            let ids = statement.query_map(params_from_iter(found.values), |row| row.get(0))?;
            let ids: Vec<String> = ids.collect::<rusqlite::Result<_>>()?;
            // One found may be gone again: there is no transaction around this.
            ids.iter().filter_map(|id| runs::load(connection, id).transpose()).collect()
        })?;
        let more = runs.len() > search.max_results;
        runs.truncate(search.max_results);
        let next = more.then(|| page::write(offset + search.max_results as u64));
        Ok(Page { items: runs, next })
    }
}

fn statement(search: &SearchRuns, offset: u64) -> Sql {
    let (joins, order) = sql::order(&search.order_by);
    let mut found =
        Sql { text: format!("SELECT r.run_uuid FROM runs r{}", joins.text), values: joins.values };
    found.push(" WHERE r.experiment_id IN ");
    // Ids of another form are no experiment's here.
    found.push_list(search.experiment_ids.iter().filter_map(|id| id.parse::<i64>().ok()));
    found.push(" AND r.lifecycle_stage IN ");
    let stages =
        [Lifecycle::Active, Lifecycle::Deleted].into_iter().filter(|stage| search.view.includes(*stage));
    found.push_list(stages.map(|stage| stage.as_str().to_owned()));
    for clause in &search.filter.clauses {
        sql::condition(&mut found, clause);
    }
    found.push(&format!(" ORDER BY {order}"));
    // One more than is wanted tells whether there is another page.
    found.push_with(" LIMIT ?", Value::Integer(i64::try_from(search.max_results + 1).unwrap_or(i64::MAX)));
    found.push_with(" OFFSET ?", Value::Integer(i64::try_from(offset).unwrap_or(i64::MAX)));
    found
}
